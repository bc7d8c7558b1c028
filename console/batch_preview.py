"""`apollo batches preview FILE`: what an upload would come to, before the first ring."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from console.api_client import ApiClient, JsonObject
from console.changes import given
from console.cli_context import ApiToken, ApiUrl, cli_context_of
from console.failures import UsageWrong
from console.listing import cells, show_list, shown

batch_preview = typer.Typer()

HOURS_SHOWN = 72
"""With calls; a forecast of months would fill the terminal."""
BAR_WIDTH = 40

_COUNTS = ("accepted", "invalid", "duplicates", "suppressed", "capped", "on_another_call")
_FIGURES = ("calls_expected", "minutes_expected", "cost_expected", "expired_expected")


@batch_preview.command("preview")
def preview(  # noqa: PLR0913 - one parameter per option
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV with a column phone_number or mobile_number.")],
    *,
    campaign: Annotated[str, typer.Option(help="Id of the campaign whose rules hold.")],
    concurrency: Annotated[int | None, typer.Option(help="Live calls at most.")] = None,
    max_retries: Annotated[int | None, typer.Option(help="Retries per contact.")] = None,
    timezone: Annotated[str | None, typer.Option(help="IANA name of the zone of its people.")] = None,
    scheduled_start: Annotated[str | None, typer.Option(help="ISO 8601 date and time.")] = None,
    scheduled_end: Annotated[str | None, typer.Option(help="ISO 8601 date and time.")] = None,
    skip_invalid: Annotated[bool, typer.Option("--skip-invalid", help="Pass over bad rows.")] = False,
    api_url: ApiUrl = None,
    token: ApiToken = None,
) -> None:
    """Forecast an upload: who is left out, when it is done, and calls per hour; nothing is stored."""
    fields = given(
        {
            "campaign_id": campaign,
            "concurrency_limit": concurrency,
            "max_retries_override": max_retries,
            "timezone": timezone,
            "scheduled_start": scheduled_start,
            "scheduled_end": scheduled_end,
            "on_invalid": "skip" if skip_invalid else None,
        }
    )
    with cli_context_of(context).connect(api_url, token) as api:
        expected = _previewed(api, fields, file)
    _show(expected, Console())


def _previewed(api: ApiClient, fields: JsonObject, path: Path) -> JsonObject:
    try:
        with path.open("rb") as file:
            return api.preview_batch(fields, file)
    except OSError as error:
        raise UsageWrong(f"{path}: {error.strerror}") from error


def _show(expected: JsonObject, console: Console) -> None:
    show_list(("what", "expected"), _figures(expected), console)
    zones = (cells(each, ("timezone", "contacts", "opens_at")) for each in _objects(expected, "by_timezone"))
    show_list(("timezone", "contacts", "opens at"), zones, console)
    hours = _objects(expected, "calls_by_hour")
    show_list(("hour", "calls", ""), _bars(hours), console)
    if console.is_terminal and len(hours) > HOURS_SHOWN:
        console.print(Text(f"and {len(hours) - HOURS_SHOWN} further hours with calls"))
    show_list(("rests on", "value"), _assumptions(expected), console)


def _figures(expected: JsonObject) -> Iterator[Sequence[str]]:
    finishes_at = expected.get("finishes_at")
    yield from ([name, shown(expected.get(name))] for name in _COUNTS)
    yield ["first_call_at", shown(expected.get("first_call_at"))]
    if isinstance(finishes_at, dict):
        yield from ([f"finishes_at.{name}", shown(at)] for name, at in finishes_at.items())
    yield from ([name, shown(expected.get(name))] for name in _FIGURES)


def _bars(hours: Sequence[JsonObject]) -> Iterator[Sequence[str]]:
    """Yield the hours with calls, each with a bar as long as its share of the busiest one."""
    most = max((_calls(each) for each in hours), default=0)
    for each in islice(hours, HOURS_SHOWN):
        bar = "█" * round(BAR_WIDTH * _calls(each) / most) if most else ""
        yield [*cells(each, ("hour", "calls")), bar]


def _calls(hour: JsonObject) -> float:
    calls = hour.get("calls")
    return calls if isinstance(calls, int | float) else 0


def _assumptions(expected: JsonObject) -> Iterator[Sequence[str]]:
    assumed = expected.get("assumptions")
    for name, value in assumed.items() if isinstance(assumed, dict) else ():
        yield from ([name, shown(each)] for each in (value if isinstance(value, list) else [value]))


def _objects(expected: Mapping[str, object], name: str) -> Sequence[JsonObject]:
    values = expected.get(name)
    return [each for each in values if isinstance(each, dict)] if isinstance(values, list) else []
