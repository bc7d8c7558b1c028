"""Domain errors on their way to Temporal: technical ones are tried again, logical ones are not."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from temporalio.exceptions import ApplicationError

from domain.errors import LogicalError

P = ParamSpec("P")
T = TypeVar("T")


def translating_failures(activity: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Turn a logical error of the domain into a failure that Temporal does not retry."""

    @wraps(activity)
    async def translated(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await activity(*args, **kwargs)
        except LogicalError as error:
            raise ApplicationError(error.message, type=type(error).__name__, non_retryable=True) from error

    return translated
