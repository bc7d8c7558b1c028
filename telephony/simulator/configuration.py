"""How the simulator behaves; lengths in seconds, any of them may be 0."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class SimulatorSettings:
    """Everything that can be chosen for one simulator."""

    ring_seconds: float = 0.5
    """Ringing before an answer; also the time until a busy or failed call says so."""
    talk_seconds: float = 2.0
    no_answer_seconds: float | None = None
    """Ringing of a call nobody answers; None means twice `ring_seconds`."""
    follow_up_seconds: float = 60.0
    """How long after the call the callee of a number in 11 wants to be called again."""
    hold_seconds: float = 60.0
    """How long the create call of a number in 08 goes unanswered."""
    dedupe: bool = True
    """Off, a repeated execution id of the neutral contract rings again, as it would without idempotency."""
    api_key: str | None = field(default=None, repr=False)
    """The Bearer key asked of every request; None asks for none."""
    webhook_secret: str | None = field(default=None, repr=False)
    """Signs the webhooks; None leaves them unsigned."""
    webhook_patience_seconds: float = 150.0
    """How long one webhook is retried before it is given up."""
    concurrent_webhooks: int = 64
    lost_share: float = 0.0
    """Share of ordinary calls, 0..1, whose final webhook is never sent; a look-up tells the truth."""
    doubled_share: float = 0.0
    """Share of ordinary calls, 0..1, whose final webhook is sent twice."""
    late_share: float = 0.0
    """Share of ordinary calls, 0..1, whose final webhook is sent `late_seconds` after the end."""
    late_seconds: float = 10.0
    seed: int = 0
    """Decides, with the called number, which calls these are; the three shares never overlap."""
    memory_limit: int = 200_000
    """Ended calls kept for look-ups, and rows of each list in the ledger; the oldest go first.

    A call takes some 5 KB.
    """

    @property
    def unanswered_ring_seconds(self) -> float:
        """The ring time of a call nobody answers."""
        return 2 * self.ring_seconds if self.no_answer_seconds is None else self.no_answer_seconds
