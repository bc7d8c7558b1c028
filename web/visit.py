"""One request of a visitor: who it is, what is asked of the API for them, and which page they get."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import wraps
from http import HTTPStatus
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from web.api_client import Api, ApiAway, ApiRefused
from web.pages import Pages
from web.sessions import COOKIE, Notice, Session, Sessions
from web.shared_reads import SharedReads

THEME_COOKIE = "apollo_theme"
THEMES = ("light", "dark")
LIVE_HEADER = "X-Live"
"""Sent by the script that keeps an open page fresh."""


@dataclass(frozen=True)
class Web:
    """What all visits share."""

    pages: Pages
    sessions: Sessions
    client: httpx.AsyncClient
    followers_client: httpx.AsyncClient
    followers: asyncio.Semaphore
    """Places for pages that follow, each with a connection to the API of its own."""
    shared: SharedReads
    temporal_ui_url: str | None
    temporal_namespace: str
    over_https: bool

    def api_with(self, token: str) -> Api:
        """Return the API as a token's holder sees it."""
        return Api(self.client, self.followers_client, token, self.shared)


@dataclass(frozen=True)
class Visit:
    """A signed-in visitor's request."""

    request: Request
    web: Web
    session: Session
    api: Api

    @property
    def path_params(self) -> dict[str, str]:
        """The ids in the address."""
        return dict(self.request.path_params)

    def show(self, template: str, status: int = 200, **values: Any) -> Response:
        """Return a page. What was to be said once is said, unless only numbers are asked for."""
        is_live = LIVE_HEADER in self.request.headers
        notices = [] if is_live else list(self.session.notices)
        if not is_live:
            self.session.notices.clear()
        shown = {"csrf": self.session.csrf, "notices": notices, "signed_in": True, **values}
        return page_of(self.request, template, status, **shown)

    def say(self, text: str, *, is_bad: bool = False) -> None:
        """Say something above the next page."""
        self.session.notices.append(Notice(text, is_bad))

    def go(self, path: str) -> Response:
        """Send the visitor on."""
        return RedirectResponse(path, status_code=HTTPStatus.SEE_OTHER)


Handler = Callable[[Visit], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


def web_of(request: Request) -> Web:
    """Return what all visits share."""
    web: Web = request.app.state.web
    return web


def page_of(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """Return a page for this visit."""
    chosen = request.cookies.get(THEME_COOKIE)
    theme = chosen if chosen in THEMES else "auto"
    html = web_of(request).pages.render(template, path=request.url.path, theme=theme, **values)
    return HTMLResponse(html, status_code=status)


def signed_in(handler: Handler) -> Endpoint:
    """Let only visitors with a session in; what the API refuses or leaves unanswered becomes a page."""

    @wraps(handler)
    async def endpoint(request: Request) -> Response:
        web = web_of(request)
        session = web.sessions.find(request.cookies.get(COOKIE))
        if session is None:
            return _to_sign_in(request)
        visit = Visit(request, web, session, web.api_with(session.token))
        try:
            return await handler(visit)
        except ApiAway as away:
            return visit.show("away.html", HTTPStatus.SERVICE_UNAVAILABLE, reason=away.reason)
        except ApiRefused as refused:
            return _refused(visit, refused)

    return endpoint


def acting(back: str) -> Callable[[Handler], Endpoint]:
    """Let only forms of this visitor's own pages in; a refusal is said above the page they return to.

    `back` is that page's path, with the names of the ids in it.
    """

    def decorate(handler: Handler) -> Endpoint:
        @wraps(handler)
        async def acted(visit: Visit) -> Response:
            try:
                form = await visit.request.form()
                if not secrets.compare_digest(
                    str(form.get("csrf", "")).encode(), visit.session.csrf.encode()
                ):
                    return visit.show(
                        "refused.html", HTTPStatus.FORBIDDEN, detail="This form is out of date."
                    )
                return await _done(visit, handler, back)
            finally:
                # Its files, which nobody else closes.
                await visit.request.close()

        return signed_in(acted)

    return decorate


async def _done(visit: Visit, handler: Handler, back: str) -> Response:
    try:
        return await handler(visit)
    except ApiAway as away:
        visit.say(f"{away.reason} Look whether it was done before you try again.", is_bad=True)
    except ApiRefused as refused:
        if refused.status == HTTPStatus.UNAUTHORIZED:
            raise
        visit.say(told(refused), is_bad=True)
    return visit.go(back.format(**visit.path_params))


def told(refused: ApiRefused) -> str:
    """Return a refusal as a sentence."""
    wrong = "; ".join(f"{field_of(each)}: {each.get('msg')}" for each in refused.errors[:3])
    return f"{refused.detail}: {wrong}" if wrong else refused.detail


def field_of(error: dict[str, Any]) -> str:
    """Return where an error is, as the API names it."""
    return ".".join(str(step) for step in list(error.get("loc") or [])[1:]) or "request"


def _to_sign_in(request: Request) -> Response:
    if LIVE_HEADER in request.headers:
        return Response(status_code=HTTPStatus.UNAUTHORIZED)
    return RedirectResponse("/sign-in", status_code=HTTPStatus.SEE_OTHER)


def _refused(visit: Visit, refused: ApiRefused) -> Response:
    if refused.status == HTTPStatus.UNAUTHORIZED:
        visit.web.sessions.end(visit.request.cookies.get(COOKIE))
        if LIVE_HEADER in visit.request.headers:
            return Response(status_code=HTTPStatus.UNAUTHORIZED)
        reason = "This token is not valid any more. Sign in with another one."
        return page_of(visit.request, "sign_in.html", HTTPStatus.UNAUTHORIZED, reason=reason)
    return visit.show("refused.html", refused.status, detail=told(refused))
