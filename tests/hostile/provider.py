"""A hostile Jambonz on loopback, in a thread of the test process."""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from tests.hostile.bodies import Call, detail_record, snapshot, stranger_to
from tests.hostile.fault import NOT_DIALLED, Answer, Attempt, Shown
from tests.hostile.faults import DIAL_SECONDS, fault_of
from tests.hostile.http_server import Mischief, Reply, Request, json_reply, serve, text_reply
from tests.hostile.ledger import Ledger
from tests.hostile.reporter import Reporter

_JUST_IN_TIME_SECONDS = 0.6 * DIAL_SECONDS


@dataclass(frozen=True, kw_only=True)
class Account:
    """What a client must know to be served."""

    port: int
    account_sid: str
    api_key: str
    webhook_secret: str

    @property
    def base_url(self) -> str:
        """Where the provider listens."""
        return f"http://127.0.0.1:{self.port}"


class HostileProvider:
    """Speaks Jambonz' contract, and does to each number what the fault table says."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.ledger = Ledger()
        self._calls: dict[str, Call] = {}
        self._playing: set[asyncio.Task[None]] = set()
        self._reporter = Reporter(self.ledger, account.webhook_secret)

    @property
    def is_quiet(self) -> bool:
        """Tell whether everything that was going to be reported was reported."""
        return not self._playing

    async def run(self, stop: asyncio.Event, started: threading.Event) -> None:
        """Serve until told to stop."""
        async with self._reporter:
            await serve(self.account.port, self._answer, stop, started.set)
            for task in self._playing:
                task.cancel()
            await asyncio.gather(*self._playing, return_exceptions=True)

    async def _answer(self, request: Request) -> Reply | Mischief:
        if request.headers.get("authorization") != f"Bearer {self.account.api_key}":
            self.ledger.complaints.append(f"{request.method} with a wrong key")
            return text_reply(401, "Unauthorized")
        match request.method, request.path.split("/")[1:]:
            case "POST", ["v1", "Accounts", self.account.account_sid, "Calls"]:
                return await self._create(request)
            case "GET", ["v1", "Accounts", self.account.account_sid, "Calls"]:
                return json_reply(200, self._listed(request))
            case "GET", ["v1", "Accounts", self.account.account_sid, "CallCount"]:
                return json_reply(200, {"inbound": 0, "outbound": len(self._calls)})
            case "GET", ["v1", "Accounts", self.account.account_sid, "RecentCalls"]:
                return json_reply(200, self._recent(request))
            case method, ["v1", "Accounts", self.account.account_sid, "Calls", sid]:
                return self._one(method, sid)
        self.ledger.complaints.append(f"{request.method} to an address that is not served")
        return text_reply(404, "Not Found")

    async def _create(self, request: Request) -> Reply | Mischief:
        body = request.json()
        if not isinstance(body.get("timeout"), int):
            return text_reply(500, "Internal Server Error")
        to, tag = body.get("to"), body.get("tag")
        if (
            not isinstance(to, dict)
            or not isinstance(tag, dict)
            or not isinstance(tag.get("attempt_id"), str)
        ):
            self.ledger.complaints.append("a request without `to` or `tag`")
            return json_reply(400, {"msg": "missing from/to"})
        attempt_id, number = str(tag["attempt_id"]), str(to["number"])
        attempts = fault_of(number).attempts
        turn = self.ledger.note_request(number, attempt_id)
        if turn >= len(attempts):
            self.ledger.complaints.append("a redial too many")
        treatment = attempts[min(turn, len(attempts) - 1)]
        asked = self.ledger.requests[attempt_id]
        answer = treatment.create[min(asked, len(treatment.create)) - 1]
        call = self._call(body, number, tag=tag, treatment=treatment)
        for stranger in (stranger_to(call, unlike) for unlike in treatment.strangers):
            self._calls[stranger.sid] = stranger
        if answer in NOT_DIALLED or not treatment.rings:
            return _reply(answer, sid="")
        return await self._place(call, answer)

    def _call(
        self, body: dict[str, object], number: str, *, tag: dict[str, object], treatment: Attempt
    ) -> Call:
        hook, application = body.get("call_status_hook"), body.get("application_sid")
        return Call(
            attempt_id=str(tag["attempt_id"]),
            number=number,
            caller=str(body.get("from")),
            hook=str(hook.get("url") if isinstance(hook, dict) else hook),
            tag=tag,
            treatment=treatment,
            account_sid=self.account.account_sid,
            application_sid=None if application is None else str(application),
        )

    async def _place(self, call: Call, answer: Answer) -> Reply | Mischief:
        self.ledger.note_ring(call.attempt_id)
        self._calls[call.sid] = call
        early = call.treatment.early
        pause = _JUST_IN_TIME_SECONDS if answer is Answer.SLOW else 0
        await asyncio.gather(
            self._reporter.play(call, call.treatment.script[:early], self._victim), asyncio.sleep(pause)
        )
        task = asyncio.create_task(self._reporter.play(call, call.treatment.script[early:], self._victim))
        self._playing.add(task)
        task.add_done_callback(self._playing.discard)
        return _reply(answer, sid=call.sid)

    def _victim(self) -> Call | None:
        """Another organization's call, once it is placed."""
        return next((call for call in self._calls.values() if fault_of(call.number).is_victim), None)

    def _listed(self, request: Request) -> list[object]:
        wanted = {name: value for name, value in request.query.items() if name in ("to", "from", "direction")}
        shown = [snapshot(call) for call in self._calls.values() if call.treatment.shown is Shown.LIVE]
        return [each for each in shown if wanted.items() <= each.items()]

    def _recent(self, request: Request) -> dict[str, object]:
        wanted = request.query.get("filter", "")
        kept = [call for call in self._calls.values() if call.treatment.shown is not Shown.NOWHERE]
        rows = [detail_record(call) for call in kept if wanted == call.sid or wanted in call.number]
        return {"total": len(rows), "batch": 1, "page": 1, "data": rows}

    def _one(self, method: str, sid: str) -> Reply:
        call = self._calls.get(sid)
        if call is None or call.treatment.shown is not Shown.LIVE:
            return Reply(status=404)
        return json_reply(200, snapshot(call)) if method == "GET" else Reply(status=202)


_REPLIES: Mapping[Answer, Reply | Mischief] = {
    Answer.FETCH_FAILED: json_reply(500, {"msg": "fetch failed"}),
    Answer.SERVER_ERROR: text_reply(500, "Internal Server Error"),
    Answer.THROTTLED: text_reply(429, "Too many requests, please try again later.", Retry_After="1"),
    Answer.NO_CAPACITY: json_reply(480, {"msg": "no available feature servers at this time"}),
    Answer.WITHOUT_ID: json_reply(200, {"status": "ok"}),
    Answer.EMPTY: Reply(status=201),
    Answer.NEVER: Mischief.HOLD,
    Answer.RESET: Mischief.RESET,
    Answer.TRUNCATED: Mischief.TRUNCATE,
}


def _reply(answer: Answer, *, sid: str) -> Reply | Mischief:
    created = json_reply(201, {"sid": sid, "callId": f"{sid[:8]}@sip.hostile.example"})
    return _REPLIES.get(answer, created)


@contextmanager
def hostile_provider(account: Account) -> Iterator[HostileProvider]:
    """Run a hostile provider for the length of a `with` block."""
    provider = HostileProvider(account)
    loop, started = asyncio.new_event_loop(), threading.Event()
    stop = asyncio.Event()
    thread = threading.Thread(
        target=lambda: loop.run_until_complete(provider.run(stop, started)), name="hostile provider"
    )
    thread.start()
    try:
        if not started.wait(5):
            raise TimeoutError
        yield provider
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
