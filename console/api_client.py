"""The REST API as the commands use it: one method per request, problems as failures."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from ipaddress import ip_address
from types import TracebackType
from typing import IO, Self
from urllib.parse import quote
from uuid import uuid4

import httpx

from console.event_stream import MEDIA_TYPE, batches_of
from console.failures import ApiUnreachable, CommandFailed, RequestConflicts, RequestRefused, UsageWrong

JsonObject = Mapping[str, object]
Query = Mapping[str, str | Sequence[str]]

PAGE = 1000
"""The largest page the API gives."""

_TIMEOUT = httpx.Timeout(10)
# An upload of 100,000 contacts is read and stored, and an action reaches them all, before it is answered.
_LONG_TIMEOUT = httpx.Timeout(10, read=120, write=120)
# Events or heartbeats come every fifteen seconds.
_HEARTBEATS_TIMEOUT = httpx.Timeout(10, read=40)
# Answers that say *not now*; everything else from 400 on says *no*.
_NOT_NOW = frozenset({429, 502, 503, 504})
_BEFORE_EACH_RETRY_SECONDS = (1.0, 2.0, 4.0)
_ERRORS_SHOWN = 3


class ApiClient:
    """A connection to one API with one token. Raises RequestRefused, ApiUnreachable."""

    def __init__(
        self,
        api_url: str,
        token: str,
        transport: httpx.BaseTransport | None = None,
        *,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Send nothing yet; `transport` takes the network's place, and `pause` waits before a retry."""
        try:
            base = httpx.URL(f"{api_url.rstrip('/')}/api/v1")
        except httpx.InvalidURL as error:
            raise UsageWrong(f"{api_url} is not the address of an API") from error
        self._client = httpx.Client(
            base_url=base,
            headers={"Authorization": f"Bearer {token}"},
            transport=transport,
            # A proxy of the environment cannot reach this machine's own addresses.
            trust_env=not _is_loopback(base.host),
        )
        self.api_url = api_url
        self._pause = pause

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def create_campaign(self, campaign: JsonObject) -> JsonObject:
        return _object(self._send("POST", "/campaigns/", json=campaign))

    def campaigns(self) -> Iterator[JsonObject]:
        return self._pages("/campaigns/", {})

    def campaign(self, campaign_id: str) -> JsonObject:
        """Return one campaign."""
        return _object(self._send("GET", f"/campaigns/{_segment(campaign_id)}"))

    def change_campaign(self, campaign_id: str, change: JsonObject) -> JsonObject:
        """Change a campaign's rules; returns it."""
        return _object(self._send("PATCH", f"/campaigns/{_segment(campaign_id)}", json=change))

    def clone_campaign(self, campaign_id: str, name: str) -> JsonObject:
        """Copy a campaign's rules into a new one; returns that."""
        return _object(self._send("POST", f"/campaigns/{_segment(campaign_id)}/clone", json={"name": name}))

    def delete_campaign(self, campaign_id: str) -> None:
        """Delete a campaign whose batches are over."""
        self._send("DELETE", f"/campaigns/{_segment(campaign_id)}")

    def campaign_stats(self, campaign_id: str) -> JsonObject:
        return _object(self._send("GET", f"/campaigns/{_segment(campaign_id)}/stats"))

    def presets(self) -> Sequence[JsonObject]:
        return _objects(self._send("GET", "/presets"))

    def create_batch(self, fields: JsonObject, file: IO[bytes]) -> JsonObject:
        """Upload a CSV file of contacts as a batch; returns it with its import report.

        A request whose answer got lost may have made its batch, so it is sent again with the same
        `Idempotency-Key`.
        """
        return self._once(lambda key: self._upload("/batches/upload", fields, file, key))

    def preview_batch(self, fields: JsonObject, file: IO[bytes]) -> JsonObject:
        """Return what a CSV file of contacts would come to as a batch; nothing is stored."""
        return self._upload("/batches/preview", fields, file)

    def append_contacts(self, batch_id: str, fields: JsonObject, file: IO[bytes]) -> JsonObject:
        """Add a CSV file of contacts to a batch; returns what became of it. Sent again as a creation is."""
        path = f"/batches/{_segment(batch_id)}/contacts/upload"
        return self._once(lambda key: self._upload(path, fields, file, key))

    def requeue_batch(self, batch_id: str, wanted: JsonObject) -> JsonObject:
        """Call contacts of a batch again in a new one; returns that. Sent again as `create_batch` is."""

        def send(key: str) -> JsonObject:
            request = self._client.build_request(
                "POST",
                f"/batches/{_segment(batch_id)}/requeue",
                json=wanted,
                headers={"Idempotency-Key": key},
                timeout=_LONG_TIMEOUT,
            )
            return _object(self._answer(request))

        return self._once(send)

    def _once(self, send: Callable[[str], JsonObject]) -> JsonObject:
        """Send a request that may have worked, although nobody said so, again with the same key."""
        key = uuid4().hex
        for retries, seconds in enumerate(_BEFORE_EACH_RETRY_SECONDS):
            try:
                return send(key)
            except (ApiUnreachable, RequestConflicts) as failure:
                if retries == 0 and not _may_have_worked(failure):
                    raise
            self._pause(seconds)
        return send(key)

    def _upload(self, path: str, fields: JsonObject, file: IO[bytes], key: str | None = None) -> JsonObject:
        file.seek(0)
        request = self._client.build_request(
            "POST",
            path,
            data={name: _form_text(value) for name, value in fields.items()},
            files={"file": file},
            headers={} if key is None else {"Idempotency-Key": key},
            timeout=_LONG_TIMEOUT,
        )
        return _object(self._answer(request))

    def batch(self, batch_id: str) -> JsonObject:
        """Return one batch."""
        return _object(self._send("GET", f"/batches/{_segment(batch_id)}"))

    def follow_batch(self, batch_id: str) -> Iterator[JsonObject]:
        """Yield a batch as it stands, and again with each of its events, until they end.

        Raises RequestRefused also where the API sends no events.
        """
        request = self._client.build_request(
            "GET", f"/batches/{_segment(batch_id)}/events", timeout=_HEARTBEATS_TIMEOUT
        )
        with self._failures(), closing(self._client.send(request, stream=True)) as answer:
            if not (answer.is_success and answer.headers.get("Content-Type", "").startswith(MEDIA_TYPE)):
                raise RequestRefused(f"{self.api_url} sends no events")
            yield from batches_of(answer.iter_lines())

    def change_batch(self, batch_id: str, change: JsonObject) -> JsonObject:
        """Change a batch; returns it."""
        return _object(self._send("PATCH", f"/batches/{_segment(batch_id)}", json=change))

    def debug(self, batch_id: str) -> JsonObject:
        return _object(self._send("GET", f"/batches/{_segment(batch_id)}/debug"))

    def batches(
        self, *, campaign_id: str | None = None, statuses: Sequence[str] = ()
    ) -> Iterator[JsonObject]:
        """Yield every batch, of one campaign or in one of these statuses where given, newest first."""
        campaign = {} if campaign_id is None else {"campaign_id": campaign_id}
        return self._pages("/batches/", {**campaign, "status": statuses})

    def contacts(self, batch_id: str, statuses: Sequence[str] = ()) -> Iterator[JsonObject]:
        """Yield every contact of a batch, or those in one of these statuses, by position."""
        return self._pages(f"/batches/{_segment(batch_id)}/contacts", {"status": statuses})

    def contacts_with_calls(self, batch_id: str, statuses: Sequence[str] = ()) -> Iterator[JsonObject]:
        """Yield the same with all their call records."""
        query: Query = {"include_calls": "true", "status": statuses}
        return self._pages(f"/batches/{_segment(batch_id)}/contacts", query)

    def suppress(self, entry: JsonObject) -> JsonObject:
        """List a number that must not be called; returns its entry."""
        return _object(self._send("POST", "/suppressions", json=entry))

    def suppressions(self, number: str | None = None) -> Iterator[JsonObject]:
        """Yield the entries of all suppressed numbers, or of one, newest first."""
        return self._pages("/suppressions", {} if number is None else {"phone_number": number})

    def remove_suppression(self, suppression_id: str) -> None:
        self._send("DELETE", f"/suppressions/{_segment(suppression_id)}")

    def import_suppressions(self, file: IO[bytes]) -> JsonObject:
        """List the numbers of a CSV file; returns how many rows were new, known and repeated."""
        return _object(self._send("POST", "/suppressions/import", file=file))

    def erase(self, number: str) -> JsonObject:
        """Erase a person; returns how much was held of them."""
        return _object(self._send("POST", "/erasures", json={"phone_number": number}))

    def create_webhook_endpoint(self, endpoint: JsonObject) -> JsonObject:
        """Have events posted; returns the endpoint with its secret."""
        return _object(self._send("POST", "/webhook-endpoints", json=endpoint))

    def webhook_endpoints(self) -> Iterator[JsonObject]:
        return self._pages("/webhook-endpoints", {})

    def delete_webhook_endpoint(self, endpoint_id: str) -> None:
        self._send("DELETE", f"/webhook-endpoints/{_segment(endpoint_id)}")

    def webhook_deliveries(
        self, *, endpoint_id: str | None, states: Sequence[str], types: Sequence[str]
    ) -> Iterator[JsonObject]:
        """Yield deliveries, newest first, of one endpoint and in these states where given."""
        to_one = {} if endpoint_id is None else {"endpoint_id": endpoint_id}
        return self._pages("/webhook-deliveries", {**to_one, "state": states, "type": types})

    def replay_webhooks(self, endpoint_id: str, since: str) -> JsonObject:
        """Deliver an endpoint's events again; returns how many they are."""
        path = f"/webhook-endpoints/{_segment(endpoint_id)}/replay"
        return _object(self._send("POST", path, json={"since": since}))

    @contextmanager
    def export(self, batch_id: str, rows: str) -> Iterator[Iterator[bytes]]:
        """Open the CSV file of a batch, a row per contact or call; fails also where it breaks off."""
        path = f"/batches/{_segment(batch_id)}/export.csv"
        request = self._client.build_request("GET", path, params={"rows": rows}, timeout=_LONG_TIMEOUT)
        with self._failures(), closing(self._client.send(request, stream=True)) as answer:
            if not answer.is_success:
                answer.read()
            self._require_success(answer)
            yield answer.iter_bytes()

    def act(self, *path: str, **query: str) -> JsonObject:
        """Do what a path such as `batches`, `btc_1`, `pause` names; returns what became of it."""
        steps = "".join(f"/{_segment(step)}" for step in path)
        return _object(self._send("POST", steps, params=query))

    def _pages(self, path: str, query: Query) -> Iterator[JsonObject]:
        skip = 0
        while True:
            params: Query = {**query, "skip": str(skip), "limit": str(PAGE)}
            page = _objects(self._send("GET", path, params=params))
            yield from page
            if len(page) < PAGE:
                return
            skip += PAGE

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Query | None = None,
        json: JsonObject | None = None,
        file: IO[bytes] | None = None,
    ) -> object:
        timeout = _TIMEOUT if method == "GET" else _LONG_TIMEOUT
        form = None if file is None else {"file": file}
        request = self._client.build_request(
            method, path, params=params, json=json, files=form, timeout=timeout
        )
        return self._answer(request)

    def _answer(self, request: httpx.Request) -> object:
        with self._failures():
            answer = self._client.send(request)
        self._require_success(answer)
        if answer.status_code == httpx.codes.NO_CONTENT:
            return None
        try:
            return answer.json()
        except ValueError as error:
            raise RequestRefused(f"{self.api_url} does not speak Apollo's API") from error

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except httpx.RequestError as error:
            raise ApiUnreachable(f"No answer from {self.api_url} ({type(error).__name__})") from error

    def _require_success(self, answer: httpx.Response) -> None:
        if answer.status_code in _NOT_NOW:
            raise ApiUnreachable(f"{self.api_url} cannot work now: {_problem_text(answer)}")
        if answer.status_code == httpx.codes.CONFLICT:
            raise RequestConflicts(_problem_text(answer))
        if not answer.is_success:
            raise RequestRefused(_problem_text(answer))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _segment(identifier: str) -> str:
    """Whatever was typed as an id stays within its place in the path."""
    return quote(identifier, safe="")


def _may_have_worked(failure: CommandFailed) -> bool:
    """Tell whether the API may have done what was asked, although it did not say so."""
    return isinstance(failure, ApiUnreachable) and not isinstance(failure.__cause__, httpx.ConnectError)


def _form_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _object(body: object) -> JsonObject:
    if not isinstance(body, dict):
        raise RequestRefused("The API answered with something else than an object")
    return body


def _objects(body: object) -> Sequence[JsonObject]:
    if not isinstance(body, list):
        raise RequestRefused("The API answered with something else than a list")
    return [_object(each) for each in body]


def _problem_text(answer: httpx.Response) -> str:
    """Return the problem's detail and its first field errors; for other bodies the status alone."""
    try:
        problem = answer.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict) or not isinstance(problem.get("detail"), str):
        return f"The API answered {answer.status_code} {answer.reason_phrase}".strip()
    errors = problem.get("errors")
    shown = [_error_text(each) for each in errors[:_ERRORS_SHOWN]] if isinstance(errors, list) else []
    if not shown:
        return str(problem["detail"])
    count = problem.get("error_count")
    left_out = count - len(shown) if isinstance(count, int) else 0
    more = [f"and {left_out} more"] if left_out > 0 else []
    return f"{problem['detail']}: {'; '.join([*shown, *more])}"


def _error_text(error: object) -> str:
    if not isinstance(error, Mapping):
        return str(error)
    where = error.get("loc")
    place = ".".join(str(part) for part in where) if isinstance(where, list) else ""
    return f"{place}: {error.get('msg', 'wrong')}" if place else str(error.get("msg", "wrong"))
