"""What each scope of a token opens; a new route stays closed to `agent` until it is named here."""

from starlette.requests import Request

from domain.access import TokenScope

AGENTS_ROUTES = frozenset(
    {
        ("GET", "/api/v1/executions/{execution_id}"),
        ("POST", "/api/v1/executions/{execution_id}/disposition"),
    }
)
"""Method and path of a route."""
TOKENS = "/api/v1/tokens"


def allows(scope: TokenScope, request: Request) -> bool:
    """Tell whether a token of this scope may make a request; HEAD counts as GET, as it is served."""
    return opens(scope, request.method, request.scope["route"].path)


def opens(scope: TokenScope, method: str, path: str) -> bool:
    """Tell whether a scope opens a route, given the path that it is declared with."""
    path = path.rstrip("/")
    match scope:
        case TokenScope.FULL:
            return True
        case TokenScope.READ:
            return method == "GET" and path != TOKENS and not path.startswith(f"{TOKENS}/")
        case TokenScope.AGENT:
            return (method, path) in AGENTS_ROUTES
