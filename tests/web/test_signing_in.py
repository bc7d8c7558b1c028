"""Who may look: a token opens a session, the session is a cookie that scripts and other sites cannot use."""

import logging
from http import HTTPStatus

import pytest

from tests.web.browser import HOME, a_browser, a_console, a_visitor
from tests.web.fake_api import TOKEN, a_world
from web.guard import LARGEST_BODY
from web.sessions import COOKIE, IDLE_SECONDS, LONGEST_SECONDS, MOST, Sessions


@pytest.mark.parametrize("path", ["/"])
async def test_pages_ask_for_a_token_first(path: str) -> None:
    async with a_browser(a_console(a_world())) as browser:
        answer = await browser.open(path)

    assert (answer.status_code, answer.url.path) == (HTTPStatus.OK, "/sign-in")
    assert "API token" in answer.text


async def test_token_that_the_api_knows_opens_the_overview() -> None:
    async with a_visitor(a_world()) as browser:
        answer = await browser.open("/")

    assert answer.status_code == HTTPStatus.OK
    assert "<h1>Overview</h1>" in answer.text


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("gat_wrong", id="unknown"),
        pytest.param("", id="empty"),
        pytest.param("gat_é", id="letters that no token has"),
        pytest.param("g" * 300, id="too long"),
    ],
)
async def test_wrong_token_is_refused_and_not_shown_again(token: str) -> None:
    async with a_browser(a_console(a_world())) as browser:
        answer = await browser.sign_in(token)

    assert answer.status_code == HTTPStatus.UNAUTHORIZED
    assert 'role="alert"' in answer.text
    assert not token or token not in answer.text
    assert COOKIE not in browser.client.cookies


async def test_token_that_may_look_at_nothing_is_told_which_one_may() -> None:
    api = a_world()
    api.refuse("GET", "campaigns", 403, detail="Token does not allow this")
    async with a_browser(a_console(api)) as browser:
        answer = await browser.sign_in()

    assert "scope full or read" in answer.text


@pytest.mark.parametrize("over_https", [pytest.param(True, id="https"), pytest.param(False, id="loopback")])
async def test_cookie_is_hidden_from_scripts_and_says_nothing_of_the_token(over_https: bool) -> None:
    async with a_browser(a_console(a_world(), over_https=over_https)) as browser:
        answer = await browser.client.post("/sign-in", data={"token": TOKEN}, follow_redirects=False)

    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert ("Secure" in cookie) is over_https
    assert TOKEN not in str(answer.headers)
    assert ("strict-transport-security" in answer.headers) is over_https


async def test_token_stands_in_no_page_and_no_address_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with a_visitor(a_world()) as browser:
        answer = await browser.open("/")
        pages = [*answer.history, answer]

    assert all(TOKEN not in page.text and TOKEN not in str(page.url) for page in pages)
    assert TOKEN not in caplog.text


async def test_signing_out_ends_the_session_for_good() -> None:
    async with a_visitor(a_world()) as browser:
        secret = browser.client.cookies[COOKIE]
        await browser.open("/")
        await browser.send("/sign-out")
        browser.client.cookies.set(COOKIE, secret, domain="console.test")
        answer = await browser.open("/")

    assert answer.url.path == "/sign-in"


async def test_token_that_is_revoked_ends_the_session_and_says_so() -> None:
    api = a_world()
    async with a_visitor(api) as browser:
        api.refuse("GET", "campaigns", 401, detail="Invalid or missing token")
        answer = await browser.open("/")
        again = await browser.open("/")

    assert answer.status_code == HTTPStatus.UNAUTHORIZED
    assert "not valid any more" in answer.text
    assert again.url.path == "/sign-in"


async def test_open_page_whose_session_has_ended_is_told_without_a_redirect() -> None:
    async with a_browser(a_console(a_world())) as browser:
        answer = await browser.client.get("/", headers={"X-Live": "1"}, follow_redirects=False)

    assert answer.status_code == HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Sec-Fetch-Site": "cross-site"}, id="another site"),
        pytest.param({"Sec-Fetch-Site": "same-site"}, id="another port of this host"),
        pytest.param({"Origin": "http://evil.test"}, id="another origin"),
        pytest.param({"Origin": "null"}, id="an origin that hides"),
    ],
)
async def test_forms_of_other_sites_are_refused(headers: dict[str, str]) -> None:
    api = a_world()
    async with a_visitor(api) as browser:
        await browser.open("/")
        answer = await browser.client.post("/sign-out", data={"csrf": browser.csrf}, headers=headers)
        still = await browser.open("/")

    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert still.url.path == "/"


@pytest.mark.parametrize("csrf", [pytest.param("", id="without"), pytest.param("guessed", id="guessed")])
async def test_forms_without_the_sessions_own_word_are_refused(csrf: str) -> None:
    async with a_visitor(a_world()) as browser:
        answer = await browser.send("/sign-out", csrf=csrf)
        still = await browser.open("/")

    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert still.url.path == "/"


async def test_every_answer_forbids_foreign_and_inline_scripts_styles_and_frames() -> None:
    async with a_visitor(a_world()) as browser:
        answers = [await browser.open(path) for path in ("/", "/sign-in", "/nowhere", "/static/live.js")]

    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"


async def test_body_that_is_too_long_is_refused_before_it_is_read() -> None:
    async with a_visitor(a_world()) as browser:
        headers = {"Content-Length": str(LARGEST_BODY + 1), "Origin": HOME}
        answer = await browser.client.post("/sign-in", content=b"token=x", headers=headers)

    assert answer.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


@pytest.mark.parametrize(
    ("theme", "shown"),
    [pytest.param("dark", "dark", id="dark"), pytest.param("auto", "auto", id="system"), ("<b>", "auto")],
)
async def test_theme_is_kept(theme: str, shown: str) -> None:
    async with a_visitor(a_world()) as browser:
        answer = await browser.send("/theme", theme=theme, back="/")

    assert f'data-theme="{shown}"' in answer.text


@pytest.mark.parametrize("back", ["https://evil.test", "//evil.test", "/\\evil.test"])
async def test_theme_sends_nobody_to_another_site(back: str) -> None:
    async with a_visitor(a_world()) as browser:
        answer = await browser.send("/theme", theme="dark", back=back)

    assert str(answer.url) == f"{HOME}/"


@pytest.mark.parametrize(
    ("steps", "stays"),
    [
        pytest.param([IDLE_SECONDS - 1], True, id="used in time"),
        pytest.param([IDLE_SECONDS + 1], False, id="left alone"),
        pytest.param([IDLE_SECONDS - 1] * 4, False, id="used for longer than a day"),
    ],
)
def test_session_ends_by_itself(steps: list[float], stays: bool) -> None:
    moments = [0.0]
    sessions = Sessions(clock=lambda: moments[-1])
    secret = sessions.begin(TOKEN)
    for step in steps:
        moments.append(moments[-1] + step)
        found = sessions.find(secret)

    assert (found is not None) is stays
    assert LONGEST_SECONDS < 4 * IDLE_SECONDS - 4


def test_oldest_session_makes_room_for_the_newest() -> None:
    sessions = Sessions()
    first = sessions.begin(TOKEN)
    last = [sessions.begin(TOKEN) for _ in range(MOST)][-1]

    assert sessions.find(first) is None
    assert sessions.find(last) is not None
