"""The REST API as the pages use it: one visitor's token, answers as JSON, refusals and silence as errors."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile
from typing import Any
from urllib.parse import quote

import httpx

from web.shared_reads import SharedReads

JsonObject = dict[str, Any]
Query = Mapping[str, str | int | Sequence[str]]

READ_SECONDS = 8.0
LONG_SECONDS = 120.0
"""An upload is read and stored, and an action reaches every contact, before it is answered."""
SILENCE_SECONDS = 40.0
"""An event stream that is silent for longer has lost its API, whose heart beats every 15 seconds."""
_NOT_NOW = frozenset({429, 502, 503, 504})


class ApiAway(Exception):
    """The API does not answer, or says that it cannot work now."""

    def __init__(self, reason: str) -> None:
        """`reason` is a sentence for the visitor."""
        super().__init__(reason)
        self.reason = reason


class ApiRefused(Exception):
    """The API says no, and why."""

    def __init__(self, status: int, problem: JsonObject) -> None:
        """`problem` is the answer's body, empty where it had none."""
        self.status = status
        self.detail = str(problem.get("detail") or f"The API answered {status}")
        self.errors: list[JsonObject] = list(problem.get("errors") or [])
        self.error_count = int(problem.get("error_count") or len(self.errors))
        super().__init__(f"{status}")


@dataclass(frozen=True)
class Page:
    """Some of a list, and how many there are in all."""

    items: list[JsonObject]
    total: int


@dataclass(frozen=True)
class Upload:
    """A file on its way to the API."""

    name: str
    content: "SpooledTemporaryFile[bytes]"
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Api:
    """The API with one visitor's token. Every method raises ApiAway and ApiRefused."""

    client: httpx.AsyncClient
    followers: httpx.AsyncClient
    """Whose connections event streams hold, so that the others have theirs."""
    token: str = field(repr=False)
    shared: SharedReads

    async def one(self, *path: str) -> JsonObject:
        """Return an object."""
        return _object((await self._send("GET", path)).json())

    async def recent(self, *path: str, seconds: float) -> JsonObject:
        """Return an object as it was read at most so long ago with the same token."""

        async def read() -> JsonObject:
            return await self.one(*path)

        answer: JsonObject = await self.shared.get((self.token, *path), seconds, read)
        return answer

    async def page(self, *path: str, query: Query) -> Page:
        """Return a page of a list."""
        answer = await self._send("GET", path, query=query)
        items = answer.json()
        total = answer.headers.get("X-Total-Count", "")
        return Page(items=list(items), total=int(total) if total.isdecimal() else len(items))

    async def post(
        self,
        *path: str,
        body: JsonObject | None = None,
        query: Query | None = None,
        key: str | None = None,
    ) -> JsonObject:
        """Do something; returns what became of it. `key` makes a repetition one request."""
        return _object((await self._send("POST", path, query=query, body=body, key=key)).json())

    async def patch(self, *path: str, body: JsonObject) -> JsonObject:
        """Change something; returns it."""
        return _object((await self._send("PATCH", path, body=body)).json())

    async def delete(self, *path: str) -> None:
        """Remove something."""
        await self._send("DELETE", path)

    async def upload(self, *path: str, file: Upload, key: str | None = None) -> JsonObject:
        """Send a file with form fields; `key` makes a repetition one request."""
        file.content.seek(0)
        request = self.client.build_request(
            "POST",
            _url(path),
            data=dict(file.fields),
            files={"file": (file.name, file.content, "text/csv")},
            headers=self._headers(key),
            timeout=LONG_SECONDS,
        )
        return _object((await self._answer(request)).json())

    async def stream(self, *path: str, query: Query) -> httpx.Response:
        """Open an answer that is passed on piece by piece; the caller closes it."""
        request = self.client.build_request(
            "GET", _url(path), params=query, headers=self._headers(), timeout=LONG_SECONDS
        )
        return await self._answer(request, stream=True)

    async def follow(self, *path: str) -> httpx.Response:
        """Open a stream of events; the caller closes it."""
        timeout = httpx.Timeout(READ_SECONDS, read=SILENCE_SECONDS)
        request = self.followers.build_request("GET", _url(path), headers=self._headers(), timeout=timeout)
        return await self._answer(request, stream=True, client=self.followers)

    async def _send(
        self,
        method: str,
        path: Sequence[str],
        *,
        query: Query | None = None,
        body: JsonObject | None = None,
        key: str | None = None,
    ) -> httpx.Response:
        request = self.client.build_request(
            method,
            _url(path),
            params=query,
            json=body,
            headers=self._headers(key),
            timeout=READ_SECONDS if method == "GET" else LONG_SECONDS,
        )
        return await self._answer(request)

    async def _answer(
        self, request: httpx.Request, *, stream: bool = False, client: httpx.AsyncClient | None = None
    ) -> httpx.Response:
        try:
            answer = await (client or self.client).send(request, stream=stream)
            if not answer.is_success:
                await answer.aread()
        except httpx.RequestError as error:
            raise ApiAway("Apollo's API does not answer.") from error
        if answer.status_code in _NOT_NOW:
            raise ApiAway(
                f"Apollo's API cannot work now: {_problem(answer).get('detail', 'try again soon')}."
            )
        if not answer.is_success:
            raise ApiRefused(answer.status_code, _problem(answer))
        return answer

    def _headers(self, key: str | None = None) -> dict[str, str]:
        known = {"Authorization": f"Bearer {self.token}"}
        return known | {"Idempotency-Key": key} if key else known


async def all_or_none(*reads: Any) -> list[JsonObject | None]:
    """Await reads beside each other; None for each that the API did not answer well."""
    answers = await asyncio.gather(*reads, return_exceptions=True)
    for each in answers:
        if isinstance(each, BaseException) and not isinstance(each, ApiAway | ApiRefused):
            raise each
    return [None if isinstance(each, BaseException) else each for each in answers]


def _url(path: Sequence[str]) -> str:
    """Whatever stands in an address as an id stays within its place in the path."""
    return "/api/v1/" + "/".join(quote(step, safe="") for step in path)


def _problem(answer: httpx.Response) -> JsonObject:
    try:
        body = answer.json()
    except (ValueError, json.JSONDecodeError):
        return {}
    return body if isinstance(body, dict) else {}


def _object(body: object) -> JsonObject:
    return body if isinstance(body, dict) else {}
