"""Who is signed in: tokens stay in this process, a browser gets an id that means nothing elsewhere."""

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile

from web.api_client import ApiRefused

COOKIE = "apollo_session"
IDLE_SECONDS = 8 * 3600.0
LONGEST_SECONDS = 24 * 3600.0
MOST = 1000
"""Sessions at once; the one that was used longest ago ends first."""
MOST_DRAFTS = 20
"""Files that wait at once; the one that waits longest is forgotten first."""


@dataclass(frozen=True)
class Notice:
    """What is said once, above the next page."""

    text: str
    is_bad: bool = False


@dataclass
class Draft:
    """A file of contacts that waits for its start."""

    key: str
    """Makes a start that is asked for twice one batch."""
    name: str
    content: "SpooledTemporaryFile[bytes]"
    fields: dict[str, str]
    rows: int | None
    refused: ApiRefused | None = None
    """What the API said when it was to start."""


@dataclass
class Session:
    """A visitor's stay."""

    token: str = field(repr=False)
    began_at: float
    used_at: float
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    notices: list[Notice] = field(default_factory=list)
    draft: Draft | None = None

    def end(self) -> None:
        """Forget what the visitor left here."""
        if self.draft is not None:
            self.draft.content.close()
            self.draft = None


class Sessions:
    """Every session of this process; all end with it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` counts seconds."""
        self._clock = clock
        self._by_id: OrderedDict[str, Session] = OrderedDict()
        self._with_drafts: list[Session] = []

    def begin(self, token: str) -> str:
        """Return the id of a new session, for the cookie."""
        secret = secrets.token_urlsafe(32)
        now = self._clock()
        self._by_id[_hashed(secret)] = Session(token=token, began_at=now, used_at=now)
        while len(self._by_id) > MOST:
            self._by_id.popitem(last=False)[1].end()
        return secret

    def find(self, secret: str | None) -> Session | None:
        """Return the session of a cookie, unless it has ended."""
        if secret is None or (session := self._by_id.get(_hashed(secret))) is None:
            return None
        now = self._clock()
        if now - session.used_at > IDLE_SECONDS or now - session.began_at > LONGEST_SECONDS:
            self.end(secret)
            return None
        session.used_at = now
        self._by_id.move_to_end(_hashed(secret))
        return session

    def keep(self, session: Session, draft: Draft) -> None:
        """Keep a visitor's file, instead of an earlier one."""
        session.end()
        session.draft = draft
        self._with_drafts = [
            *(each for each in self._with_drafts if each.draft and each is not session),
            session,
        ]
        while len(self._with_drafts) > MOST_DRAFTS:
            self._with_drafts.pop(0).end()

    def end(self, secret: str | None) -> None:
        """End a session, if there is one."""
        if secret is not None and (session := self._by_id.pop(_hashed(secret), None)) is not None:
            session.end()

    def end_all(self) -> None:
        """End every session."""
        while self._by_id:
            self._by_id.popitem()[1].end()


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
