"""One connection to Postgres, and how long anything on it may take, on both of its ends."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypeVar

import psycopg
from psycopg import errors
from psycopg.abc import PQGen

from store.database.failures import AnswerTimeout

RV = TypeVar("RV")

CONNECT_SECONDS = 3
ANSWER_GRACE_SECONDS = 2
"""How much longer than the server's own limit an answer is waited for."""


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """What the server ends by itself, in seconds; 0 is no limit."""

    statement: float = 10
    lock: float = 5
    idle_in_transaction: float = 60

    @property
    def options(self) -> str:
        """As options of the server, in the words of its command line."""
        milliseconds = {
            "statement_timeout": self.statement,
            "lock_timeout": self.lock,
            "idle_in_transaction_session_timeout": self.idle_in_transaction,
        }
        return "".join(f" -c {name}={round(seconds * 1000)}" for name, seconds in milliseconds.items())

    @property
    def answer(self) -> float | None:
        """How long an answer is waited for; None is for ever."""
        return self.statement + ANSWER_GRACE_SECONDS if self.statement else None


_KEEPALIVES = {"idle": 10, "interval": 3, "count": 3}


def connection_options(timeouts: Timeouts, number_key: str = "") -> Mapping[str, int | str]:
    """Return what a connection is opened with; numbers are hashed with the key where they are erased."""
    return {
        "connect_timeout": CONNECT_SECONDS,
        # The server in turn notices as soon that we vanished, and gives back the locks of what we were doing.
        "options": "-c TimeZone=UTC"
        + timeouts.options
        + (f" -c apollo.number_key={sha256(number_key.encode()).hexdigest()}" if number_key else "")
        + "".join(f" -c tcp_keepalives_{name}={value}" for name, value in _KEEPALIVES.items()),
        # A server that vanished without a word is noticed after some twenty seconds, not after hours.
        **{f"keepalives_{name}": value for name, value in _KEEPALIVES.items()},
        "tcp_user_timeout": 20_000,
    }


class BoundedConnection(psycopg.AsyncConnection[Any]):
    """Gives up on a server that hangs: its own limits only hold while it runs."""

    answer_seconds: float | None = Timeouts().answer

    async def wait(
        self,
        gen: PQGen[RV],
        interval: float = 0.1,
        timeout: float | None = None,  # noqa: ASYNC109 - the driver's own signature
    ) -> RV:
        """Wait as psycopg does, at most `answer_seconds` where it sets no limit. Raises AnswerTimeout."""
        if timeout is not None:
            return await super().wait(gen, interval, timeout)
        try:
            return await super().wait(gen, interval, self.answer_seconds)
        except errors._WaitTimeout:  # private, and the only sign of it
            # The answer may still come, and would pass for that of the next statement.
            self.pgconn.finish()
            raise AnswerTimeout("the server did not answer in time") from None


def bounded(timeouts: Timeouts) -> type[BoundedConnection]:
    """Return connections that wait for an answer as long as these timeouts let it take."""
    return type("_Bounded", (BoundedConnection,), {"answer_seconds": timeouts.answer})
