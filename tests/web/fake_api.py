"""The public API as far as the console asks for it, with objects that a test lays down."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.web.objects import a_batch, a_campaign, a_contact, a_debug, an_activity

TOKEN = "gat_console-test"
READING_TOKEN = "gat_reads-only-test"
Answer = Callable[[Request], Response]


@dataclass
class FakeApi:
    """What is stored, what was asked, and what is answered otherwise than usual."""

    objects: dict[str, Any] = field(default_factory=dict)
    """By path below `/api/v1/`."""
    answers: dict[tuple[str, str], Answer] = field(default_factory=dict)
    """By method and path, before anything that is stored."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    is_away: bool = False

    def app(self) -> Starlette:
        """Return it as a service."""
        methods = ["GET", "POST", "PATCH", "DELETE"]
        return Starlette(routes=[Route("/api/v1/{path:path}", self._answer, methods=methods)])

    def refuse(self, method: str, path: str, status: int, **problem: Any) -> None:
        """Answer a request with a problem from now on."""
        self.answers[method, path] = lambda _: JSONResponse(problem, status_code=status)

    def writes(self) -> list[tuple[str, str]]:
        """Return every request that was to change something."""
        return [each for each in self.asked if each[0] != "GET"]

    async def _answer(self, request: Request) -> Response:
        if self.is_away:
            return JSONResponse({"detail": "Database is unreachable"}, status_code=503)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in (TOKEN, READING_TOKEN):
            return JSONResponse({"detail": "Invalid or missing token"}, status_code=401)
        path = request.path_params["path"].strip("/")
        self.asked.append((request.method, path))
        self.bodies.append(await request.body())
        if token == READING_TOKEN and request.method != "GET":
            return JSONResponse({"detail": "Token does not allow this"}, status_code=403)
        if (answer := self.answers.get((request.method, path))) is not None:
            return answer(request)
        if request.method != "GET":
            return JSONResponse(self.objects.get(path, {"status": "done", "message": "Done"}))
        return self._stored(path, request.query_params.getlist("status"))

    def _stored(self, path: str, statuses: list[str]) -> Response:
        if path not in self.objects:
            return JSONResponse({"detail": "Not Found"}, status_code=404)
        stored = self.objects[path]
        if not isinstance(stored, list):
            return JSONResponse(stored)
        wanted = [each for each in stored if not statuses or each["status"] in statuses]
        return JSONResponse(wanted, headers={"X-Total-Count": str(len(wanted))})


def a_world() -> FakeApi:
    """Return an API with one campaign that calls one batch."""
    campaign, batch, contact = a_campaign(), a_batch(), a_contact()
    of_batch = f"batches/{batch['batch_id']}"
    return FakeApi(
        objects={
            "campaigns": [campaign],
            f"campaigns/{campaign['campaign_id']}": campaign,
            "batches": [batch],
            of_batch: batch,
            f"{of_batch}/debug": a_debug(),
            f"{of_batch}/activity": an_activity(),
            f"{of_batch}/contacts": [contact],
            f"{of_batch}/contacts/{contact['contact_id']}": contact,
            "suppressions": [],
        }
    )
