"""A browser without a screen: follows redirects, keeps cookies, sends forms as a page would."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
from starlette.applications import Starlette

from tests.web.fake_api import TOKEN, FakeApi
from web.app import Surroundings, create_app

HOME = "http://console.test"
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')


@dataclass
class Browser:
    """One visitor."""

    client: httpx.AsyncClient
    csrf: str = ""

    async def open(self, path: str, **headers: str) -> httpx.Response:
        """Open a page."""
        answer = await self.client.get(path, headers=headers)
        found = _CSRF.search(answer.text)
        self.csrf = found[1] if found else self.csrf
        return answer

    async def send(self, path: str, **fields: str) -> httpx.Response:
        """Send a form of an open page."""
        headers = {"Sec-Fetch-Site": "same-origin"}
        return await self.client.post(path, data={"csrf": self.csrf, **fields}, headers=headers)

    async def sign_in(self, token: str = TOKEN) -> httpx.Response:
        """Sign in; the answer is the page after it."""
        answer = await self.send("/sign-in", token=token)
        found = _CSRF.search(answer.text)
        self.csrf = found[1] if found else ""
        return answer


def a_console(api: FakeApi, *, over_https: bool = False) -> Starlette:
    """Return the console of an API."""
    around = Surroundings(
        api_url="http://api.test", temporal_ui_url="http://temporal.test", over_https=over_https
    )
    return create_app(around, httpx.ASGITransport(api.app()))


@asynccontextmanager
async def a_browser(console: Starlette) -> AsyncIterator[Browser]:
    """Yield a visitor who has not signed in."""
    transport = httpx.ASGITransport(console)
    async with httpx.AsyncClient(transport=transport, base_url=HOME, follow_redirects=True) as client:
        yield Browser(client)
    console.state.web.sessions.end_all()


@asynccontextmanager
async def a_visitor(api: FakeApi, token: str = TOKEN) -> AsyncIterator[Browser]:
    """Yield a visitor who has signed in."""
    async with a_browser(a_console(api)) as browser:
        await browser.sign_in(token)
        yield browser
