"""Everything that can go wrong on purpose.

    ApolloError
    ├── TechnicalError           try again later
    │   ├── StoreUnavailable
    │   │   ├── StoreBusy
    │   │   └── StoreReadOnly
    │   ├── EngineUnavailable
    │   ├── ProviderUnavailable
    │   └── DecisionOvertaken
    ├── StatementRefused         a defect of ours, or of the data
    │   ├── ConstraintViolated
    │   └── UnstorableValue
    └── LogicalError             trying again changes nothing
        ├── NotFound
        │   ├── CampaignNotFound
        │   ├── BatchNotFound
        │   ├── ContactNotFound
        │   ├── ExecutionNotFound
        │   ├── SuppressionNotFound
        │   ├── TokenNotFound
        │   ├── EndpointNotFound
        │   └── DeliveryNotFound
        ├── Conflict
        │   ├── IllegalTransition
        │   ├── CampaignClosed
        │   ├── CampaignPaused
        │   ├── CampaignUnfinished
        │   ├── BatchFull
        │   ├── IdempotencyKeyBusy
        │   ├── IdempotencyKeyUsed
        │   ├── TooManyEndpoints
        │   └── EndpointDisabled
        ├── NobodyLeft
        ├── NumbersKnown
        ├── InvalidRequest
        └── AccessDenied
            ├── Unauthenticated
            ├── OutOfScope
            ├── ForeignOrganization
            ├── InvalidSignature
            └── UnsignedWebhook

The docstring of a leaf is its message.
No message ever holds a phone number, a name or a call variable.
"""

from collections.abc import Sequence
from dataclasses import dataclass


class ApolloError(Exception):
    """Something went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())

    @property
    def message(self) -> str:
        """The one-line text a client may read."""
        return str(self)


class TechnicalError(ApolloError):
    """A part of Apollo does not answer."""


class StoreUnavailable(TechnicalError):
    """Database is unreachable"""


class StoreBusy(StoreUnavailable):
    """Database did not answer in time"""


class StoreReadOnly(StoreUnavailable):
    """Database is read-only"""


class EngineUnavailable(TechnicalError):
    """Temporal is unreachable"""


class ProviderUnavailable(TechnicalError):
    """The telephony provider does not answer"""


class DecisionOvertaken(TechnicalError):
    """What was decided no longer fits; decide again"""


class StatementRefused(ApolloError):
    """The database refused a statement"""


class ConstraintViolated(StatementRefused):
    """A row would have violated a constraint"""

    def __init__(self, constraint: str | None) -> None:
        super().__init__(f"{self.__doc__}: {constraint}")
        self.constraint = constraint
        """Its name in the schema; `table.column` of a column that must not be null."""


class UnstorableValue(StatementRefused):
    """A value does not fit into the database"""


class LogicalError(ApolloError):
    """The request cannot be fulfilled as it is."""


class NotFound(LogicalError):
    """Not Found"""


class CampaignNotFound(NotFound):
    """Campaign not found"""


class BatchNotFound(NotFound):
    """Batch not found"""


class ContactNotFound(NotFound):
    """Contact not found"""


class ExecutionNotFound(NotFound):
    """Execution not found"""


class SuppressionNotFound(NotFound):
    """Suppression not found"""


class TokenNotFound(NotFound):
    """Token not found"""


class EndpointNotFound(NotFound):
    """Webhook endpoint not found"""


class DeliveryNotFound(NotFound):
    """Webhook delivery not found"""


class Conflict(LogicalError):
    """The object is in a state that forbids this."""


class IllegalTransition(Conflict):
    """The action is not legal in this state"""

    @classmethod
    def of(cls, noun: str, status: str, participle: str) -> "IllegalTransition":
        """Say which action the state forbids, in the words of the contract."""
        return cls(f"{noun} is {status} and cannot be {participle}")


class CampaignClosed(Conflict):
    """Campaign is cancelled and cannot accept new batches"""


class CampaignPaused(Conflict):
    """Campaign is paused; resume the campaign first"""


class CampaignUnfinished(Conflict):
    """Campaign has unfinished batches and cannot be deleted"""

    @classmethod
    def of(cls, batches: int) -> "CampaignUnfinished":
        """Say how many batches are not over, in the words of the contract."""
        noun = "batch" if batches == 1 else "batches"
        return cls(f"Campaign has {batches} unfinished {noun} and cannot be deleted")


class BatchFull(Conflict):
    """Batch cannot take so many contacts"""

    @classmethod
    def of(cls, limit: int, held: int) -> "BatchFull":
        """Say how many it may hold and holds, in the words of the contract."""
        return cls(f"Batch holds {held:,} contacts and may hold {limit:,}")


class IdempotencyKeyBusy(Conflict):
    """A request with this Idempotency-Key is still in progress"""


class IdempotencyKeyUsed(Conflict):
    """A request with this Idempotency-Key was answered already"""


class DispositionFinal(Conflict):
    """Disposition is final"""


class ExecutionClosed(Conflict):
    """Execution is closed"""


class TooManyEndpoints(Conflict):
    """Organization has as many webhook endpoints as it may have"""

    @classmethod
    def of(cls, limit: int) -> "TooManyEndpoints":
        """Say how many it may have, in the words of the contract."""
        return cls(f"Organization has {limit} webhook endpoints, the most it may have; delete one first")


class EndpointDisabled(Conflict):
    """Webhook endpoint is disabled; enable it first"""


class NobodyLeft(LogicalError):
    """No contact of the batch is left to be called again"""


class NumbersKnown(LogicalError):
    """Numbers are in the batch already"""

    def __init__(self, rows: Sequence[int] = ()) -> None:
        super().__init__()
        self.rows = tuple(rows)
        """Their places among the contacts that were sent, from 0."""


@dataclass(frozen=True)
class FieldError:
    """One thing wrong with a request: where, what to change, and a stable code."""

    loc: tuple[str | int, ...]
    msg: str
    type: str


MAX_LISTED_ERRORS = 100


class InvalidRequest(LogicalError):
    """Validation failed"""

    def __init__(self, errors: Sequence[FieldError], error_count: int | None = None) -> None:
        super().__init__()
        self.errors = tuple(errors[:MAX_LISTED_ERRORS])
        self.error_count = len(errors) if error_count is None else error_count


class AccessDenied(LogicalError):
    """Access denied"""


class Unauthenticated(AccessDenied):
    """Invalid or missing token"""


class OutOfScope(AccessDenied):
    """Token does not allow this"""


class ForeignOrganization(AccessDenied):
    """Token does not belong to this organization"""


class InvalidSignature(AccessDenied):
    """Invalid or missing signature"""


class UnsignedWebhook(AccessDenied):
    """Unsigned webhooks are not accepted"""
