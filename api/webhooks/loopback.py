"""Whether a request came from this machine, by its sockets and never by a setting."""

from ipaddress import ip_address

from starlette.types import Scope


def came_over_loopback(scope: Scope) -> bool:
    """Tell whether both ends of the connection are loopback addresses.

    A server that listens on every address has outside callers too, in spite of any setting. Behind a proxy of
    this machine that names its callers, as uvicorn reads it, the caller counts. Unknown ends are outside.
    """
    return _is_loopback(scope.get("server")) and _is_loopback(scope.get("client"))


def _is_loopback(end: object) -> bool:
    match end:
        case (str(host), _):
            try:
                address = ip_address(host)
            except ValueError:
                return False
            mapped = getattr(address, "ipv4_mapped", None)
            return bool((mapped or address).is_loopback)
    return False
