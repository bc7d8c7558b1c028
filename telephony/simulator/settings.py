"""How the simulator behaves; lengths in seconds, any of them may be 0."""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Length = Annotated[float, Field(ge=0, le=86400)]
Share = Annotated[float, Field(ge=0, le=1)]
"""Of ordinary calls."""


class SimulatorSettings(BaseModel):
    """What an operator sets for the simulator of an embedded stack."""

    model_config = ConfigDict(frozen=True)

    port: Annotated[int, Field(ge=1, le=65535)] = 8090
    ring_seconds: Annotated[float, Field(ge=0, le=600)] = 0.5
    """Ringing before an answer; also the time until a busy or failed call says so."""
    talk_seconds: Annotated[float, Field(ge=0, le=7200)] = 2.0

    @property
    def base_url(self) -> str:
        """Where this machine reaches it."""
        return f"http://127.0.0.1:{self.port}"


class SimulatorOptions(SimulatorSettings):
    """Everything that can be chosen for one simulator process."""

    no_answer_seconds: Length | None = None
    """Ringing of a call nobody answers; None means twice `ring_seconds`."""
    follow_up_seconds: Length = 60.0
    """How long after the call the callee of a number in 11 wants to be called again."""
    hold_seconds: Length = 60.0
    """How long the create call of a number in 08 goes unanswered."""
    dedupe: bool = True
    """Off, a repeated execution id of the neutral contract rings again, as it would without idempotency."""
    api_key: str | None = Field(default=None, repr=False)
    """The Bearer key asked of every request; None asks for none."""
    webhook_secret: str | None = Field(default=None, repr=False)
    """Signs the webhooks; None leaves them unsigned."""
    applications: Mapping[str, str] = Field(default_factory=dict, repr=False)
    """The call hooks of applications, by sid, for Jambonz' contract; may carry passwords."""
    agent_api_url: str | None = None
    """Where agents of Jambonz' contract report dispositions; None has them report none."""
    agent_token: str | None = Field(default=None, repr=False)
    says: str = "yes"
    """What the callee of a call with an application answers to every question; empty says nothing."""
    webhook_patience_seconds: Length = 150.0
    """How long one webhook is retried before it is given up."""
    concurrent_webhooks: int = 64
    lost_share: Share = 0.0
    """The final webhook is never sent; a look-up tells the truth."""
    doubled_share: Share = 0.0
    """The final webhook is sent twice."""
    late_share: Share = 0.0
    """The final webhook is sent `late_seconds` after the end."""
    late_seconds: Length = 10.0
    seed: int = 0
    """Decides, with the called number, which calls these are; the three shares never overlap."""
    memory_limit: int = 200_000
    """Ended calls kept for look-ups, and rows of each list in the ledger; the oldest go first.

    A call takes some 5 KB.
    """

    @model_validator(mode="after")
    def _shares_fit(self) -> Self:
        if self.lost_share + self.doubled_share + self.late_share > 1:
            raise ValueError("the shares of lost, doubled and late webhooks are more than 1 together")
        return self

    @property
    def unanswered_ring_seconds(self) -> float:
        return 2 * self.ring_seconds if self.no_answer_seconds is None else self.no_answer_seconds
