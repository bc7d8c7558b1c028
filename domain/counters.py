"""The number of a batch's contacts in each status; derived from the statuses, never incremented."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from domain.contact import ContactStatus


@dataclass(frozen=True, kw_only=True)
class Counters:
    """The eleven numbers of the wire; they always sum to the batch's `total_contacts`."""

    pending: int = 0
    dispatched: int = 0
    in_flight: int = 0
    """Contacts in `in_progress`."""
    retrying: int = 0
    completed: int = 0
    failed: int = 0
    busy: int = 0
    no_answer: int = 0
    skipped: int = 0
    followup_scheduled: int = 0
    max_retries_reached: int = 0

    @classmethod
    def from_statuses(cls, counts: Mapping[ContactStatus, int]) -> "Counters":
        """Derive the counters from the number of contacts in each status."""
        return cls(**{field_of(status): count for status, count in counts.items()})

    @property
    def total(self) -> int:
        return sum(getattr(self, each.name) for each in fields(self))

    @property
    def live(self) -> int:
        """Contacts that occupy a slot."""
        return self.dispatched + self.in_flight

    @property
    def waiting(self) -> int:
        """Contacts that will be called (again) and are not being called now."""
        return self.pending + self.retrying + self.followup_scheduled

    @property
    def unfinished(self) -> int:
        return self.live + self.waiting


def field_of(status: ContactStatus) -> str:
    return "in_flight" if status is ContactStatus.IN_PROGRESS else status.value


@dataclass(frozen=True, kw_only=True)
class BatchTally:
    """The counters of the batch's workflow, which knows that a contact is live, not whether it rings."""

    pending: int = 0
    live: int = 0
    retrying: int = 0
    followup_scheduled: int = 0
    completed: int = 0
    failed: int = 0
    busy: int = 0
    no_answer: int = 0
    skipped: int = 0
    max_retries_reached: int = 0

    def split(self, in_progress: int) -> Counters:
        """Return the counters, given how many of the live contacts ring or talk."""
        in_flight = min(in_progress, self.live)
        shared = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "live"}
        return Counters(dispatched=self.live - in_flight, in_flight=in_flight, **shared)


@dataclass(frozen=True)
class CounterDifference:
    """A status for which the workflow and the rows count different numbers of contacts."""

    status: ContactStatus
    in_workflow: int
    in_rows: int
