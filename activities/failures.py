"""Errors on their way to Temporal: technical ones are tried again, logical ones are not.

Histories and logs keep what they get, so of a defect they get its class and place only:
the message of a foreign exception may quote a person's data.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import wraps
from typing import ParamSpec, TypeVar

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory, TemporalError

from activities.messages import PlacedCall
from domain.errors import ApolloError, LogicalError

P = ParamSpec("P")
T = TypeVar("T")

SHORTEST_PAUSE = timedelta(seconds=1)
DEFECT = "Defect in Apollo, see its type and stack trace"


class CallGoesOn(ApplicationError):
    """Leaves a placed call to Temporal, which runs its activity again after a pause.

    It is no error: only so can an activity wait without a worker, a timer or an event of its own.
    """

    def __init__(self, placed: PlacedCall, look_again_in: timedelta) -> None:
        super().__init__(
            "The call goes on",
            type="CallGoesOn",
            next_retry_delay=max(look_again_in, SHORTEST_PAUSE),
            category=ApplicationErrorCategory.BENIGN,
        )
        self.placed = placed


def translating_failures(activity: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Turn a logical error of the domain into a failure that is not tried again, and silence a defect."""

    @wraps(activity)
    async def translated(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await activity(*args, **kwargs)
        except LogicalError as error:
            raise ApplicationError(error.message, type=type(error).__name__, non_retryable=True) from error
        except (ApolloError, TemporalError):
            raise
        except Exception as defect:  # noqa: BLE001 - whatever it is, nobody reads what it says
            silent = ApplicationError(DEFECT, type=type(defect).__name__)
            raise silent.with_traceback(defect.__traceback__) from None

    return translated
