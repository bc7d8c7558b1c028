"""`apollo batches debug ID`: why a batch is not dialling, for an operator who has to repair it.

The diagnosis and the next step come first; what they rest on follows.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from console.api_client import JsonObject
from console.cli_context import ApiToken, ApiUrl, cli_context_of
from console.listing import cells, show_list, shown

batch_debugging = typer.Typer()

QUEUE_FIELDS = ("name", "role", "pollers", "backlog", "last_seen")
_REQUEST = re.compile(r"POST /api/v1/(batches|campaigns)/(\w+)/(dispatch|resume|close)(\?now=true)?")
"""A request that a tip recommends, where there is a command for it."""
_PARTS = ("workflow", "capacity", "window", "webhooks", "outcomes", "dispatcher")


@batch_debugging.command("debug")
def debug_batch(
    context: typer.Context,
    batch_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the batch.")],
    api_url: ApiUrl = None,
    token: ApiToken = None,
) -> None:
    """Say why a batch is or is not dialling, and what to do next."""
    with cli_context_of(context).connect(api_url, token) as api:
        debug = api.debug(batch_id)
    console = Console()
    _show_diagnosis(debug, console)
    show_list(("status", "contacts", "oldest change"), _standings(debug), console)
    show_list(("queue", "role", "pollers", "backlog", "last poll"), _queues(debug), console)
    show_list(("fact", "value"), _facts(debug), console)


def _show_diagnosis(debug: JsonObject, console: Console) -> None:
    tip, warnings = _typed(_object(debug, "diagnostics")), _objects(debug, "warnings")
    if not console.is_terminal:
        show_list((), [["diagnosis", shown(debug.get("diagnosis")), tip]], console)
        show_list((), [["warning", shown(each.get("code")), _typed(each)] for each in warnings], console)
        return
    console.print(
        Text(shown(debug.get("diagnosis")), style="bold"), Text(f"(batch is {debug.get('status')})")
    )
    console.print(Text(tip))
    for each in warnings:
        console.print(Text(f"also {shown(each.get('code'))}: {_typed(each)}"))


def _typed(advice: Mapping[str, object]) -> str:
    """Return a tip with the command to type instead of the request to send."""
    return _REQUEST.sub(_command, shown(advice.get("tip")))


def _command(request: re.Match[str]) -> str:
    noun, identifier, verb, now = request.groups()
    return f"apollo {noun} {verb} {identifier}{' --now' if now else ''}"


def _standings(debug: JsonObject) -> Iterator[Sequence[str]]:
    """Yield the statuses that hold contacts."""
    for status, share in _object(debug, "status_breakdown").items():
        if isinstance(share, dict) and share.get("count"):
            yield [status, *cells(share, ("count", "oldest_updated_at"))]


def _queues(debug: JsonObject) -> Iterator[Sequence[str]]:
    for queue in _objects(_object(debug, "worker"), "task_queues"):
        yield cells(queue, QUEUE_FIELDS)


def _facts(debug: JsonObject) -> Iterator[Sequence[str]]:
    yield ["worker", shown(_object(debug, "worker").get("state"))]
    yield ["stuck_pending", shown(_object(debug, "diagnostics").get("stuck_pending"))]
    yield ["pending_sample", shown(debug.get("pending_sample"))]
    yield ["counters_agree", shown(debug.get("counters_agree"))]
    for circuit in _objects(debug, "provider_circuits"):
        for name in ("state", "reason"):
            yield [f"provider_circuits.{circuit.get('provider')}.{name}", shown(circuit.get(name))]
    for part in _PARTS:
        for name, value in _object(debug, part).items():
            yield [f"{part}.{name}", shown(value)]


def _object(debug: JsonObject, name: str) -> Mapping[str, object]:
    value = debug.get(name)
    return value if isinstance(value, dict) else {}


def _objects(debug: Mapping[str, object], name: str) -> Sequence[JsonObject]:
    values = debug.get(name)
    return [each for each in values if isinstance(each, dict)] if isinstance(values, list) else []
