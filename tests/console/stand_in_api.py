"""An API that answers what a test prepared, one answer after the other."""

from email import message_from_bytes

import httpx

from console.api_client import ApiClient

Answer = httpx.Response | type[httpx.TransportError]
TOKEN = "gat_invented"


class StandInApi:
    """Gives its answers in order and the last one again and again; keeps what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.pauses: list[float] = []
        self.streams: list[bytes | type[httpx.TransportError]] = []
        """What each stream of events sends; without one left there are no events."""
        self.transport = httpx.MockTransport(self._answer)

    def client(self) -> ApiClient:
        return ApiClient("http://api.example", TOKEN, self.transport, pause=self.pauses.append)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/events"):
            return self._stream(request)
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, httpx.Response):
            return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)
        raise answer("as prepared", request=request)

    def _stream(self, request: httpx.Request) -> httpx.Response:
        if not self.streams:
            return a_problem(404, "Not found")
        stream = self.streams.pop(0)
        if not isinstance(stream, bytes):
            raise stream("as prepared", request=request)
        return httpx.Response(200, content=stream, headers={"Content-Type": "text/event-stream"})


def form_of(request: httpx.Request) -> dict[str, str]:
    """Return the fields of a form that was sent, the content of its file among them."""
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    form = message_from_bytes(head + request.content)
    return {
        str(part.get_param("name", header="content-disposition")): bytes(
            part.get_payload(decode=True)
        ).decode()
        for part in form.walk()
        if not part.is_multipart()
    }


def ok(body: object, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json=body)


def a_problem(status: int, detail: str, **members: object) -> httpx.Response:
    return httpx.Response(
        status,
        json={"status": status, "detail": detail, **members},
        headers={"Content-Type": "application/problem+json"},
    )


def a_batch(status: str = "in_progress", total: int = 10, **changes: object) -> dict[str, object]:
    """A batch object; counters are given as keywords, and what they leave is pending."""
    counters = {name: count for name, count in changes.items() if isinstance(count, int)}
    others = {name: value for name, value in changes.items() if not isinstance(value, int)}
    return {
        "batch_id": "btc_1",
        "campaign_id": "cmp_1",
        "status": status,
        "paused_by": None,
        "total_contacts": total,
        "counters": {"pending": total - sum(counters.values()), **counters},
        **others,
    }


class Clock:
    """A clock that only a pause moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds
