"""Errors on their way to Temporal: technical ones are tried again, logical ones are not.

Histories and logs keep what they get, so of a defect they get its class and place only:
the message of a foreign exception may quote a person's data.
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from temporalio.exceptions import ApplicationError, TemporalError

from domain.errors import ApolloError, LogicalError

P = ParamSpec("P")
T = TypeVar("T")

DEFECT = "Defect in Apollo, see its type and stack trace"


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
