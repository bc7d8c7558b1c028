"""Signing in with an API token, signing out, and the theme."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from web.api_client import ApiAway, ApiRefused
from web.sessions import COOKIE
from web.visit import THEME_COOKIE, THEMES, Visit, acting, page_of, web_of

LONGEST_TOKEN = 255
_A_YEAR_SECONDS = 365 * 24 * 3600


async def show_sign_in(request: Request) -> Response:
    """Ask for a token."""
    if web_of(request).sessions.find(request.cookies.get(COOKIE)) is not None:
        return RedirectResponse("/", status_code=HTTPStatus.SEE_OTHER)
    return page_of(request, "sign_in.html", reason=None)


async def sign_in(request: Request) -> Response:
    """Begin a session for a token that the API knows."""
    token = str((await request.form()).get("token", "")).strip()
    reason = await _why_not(request, token)
    if reason is not None:
        return page_of(request, "sign_in.html", HTTPStatus.UNAUTHORIZED, reason=reason)
    web = web_of(request)
    # An id that was known before means nothing afterwards.
    web.sessions.end(request.cookies.get(COOKIE))
    answer = RedirectResponse("/", status_code=HTTPStatus.SEE_OTHER)
    answer.set_cookie(
        COOKIE, web.sessions.begin(token), httponly=True, samesite="lax", secure=web.over_https, path="/"
    )
    return answer


@acting("/")
async def sign_out(visit: Visit) -> Response:
    """End the session."""
    visit.web.sessions.end(visit.request.cookies.get(COOKIE))
    answer = visit.go("/sign-in")
    answer.delete_cookie(COOKIE, path="/")
    return answer


async def choose_theme(request: Request) -> Response:
    """Remember light or dark in the browser; anything else follows the system."""
    form = await request.form()
    theme, back = str(form.get("theme", "")), str(form.get("back", "/"))
    answer = RedirectResponse(_own_path(back), status_code=HTTPStatus.SEE_OTHER)
    if theme in THEMES:
        answer.set_cookie(THEME_COOKIE, theme, max_age=_A_YEAR_SECONDS, samesite="lax", httponly=True)
    else:
        answer.delete_cookie(THEME_COOKIE)
    return answer


async def _why_not(request: Request, token: str) -> str | None:
    if not token or len(token) > LONGEST_TOKEN or not (token.isascii() and token.isprintable()):
        return "Enter a token; they start with gat_."
    try:
        await web_of(request).api_with(token).page("campaigns", query={"limit": 1})
    except ApiAway as away:
        return f"{away.reason} Try again in a moment."
    except ApiRefused as refused:
        if refused.status == HTTPStatus.FORBIDDEN:
            return "This token may not look at campaigns: use one with the scope full or read."
        return "This token is not valid."
    return None


def _own_path(path: str) -> str:
    """Return a path of this console, whatever was sent."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"
