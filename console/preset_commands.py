"""`apollo presets …`: laws whose rules a campaign may name."""

from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Console

from console.api_client import JsonObject
from console.cli_context import ApiToken, ApiUrl, cli_context_of
from console.failures import UsageWrong
from console.listing import cells, show_list, shown

presets = typer.Typer(
    no_args_is_help=True, help="Laws whose hours, holidays and caps a campaign may name. Not legal advice."
)


@presets.command("list")
def list_presets(context: typer.Context, api_url: ApiUrl = None, token: ApiToken = None) -> None:
    """Show every preset, by name. Not legal advice."""
    with cli_context_of(context).connect(api_url, token) as api:
        rows = [cells(each, ("name", "title", "checked_on", "source")) for each in api.presets()]
    show_list(("preset", "title", "checked on", "source"), rows, Console())


@presets.command("show")
def show_preset(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Its name, as us-tcpa.")],
    api_url: ApiUrl = None,
    token: ApiToken = None,
) -> None:
    """Show everything about one preset, field by field. Not legal advice."""
    with cli_context_of(context).connect(api_url, token) as api:
        found = {str(each["name"]): each for each in api.presets()}
    if name not in found:
        raise UsageWrong(f"Not a preset; there are {', '.join(found)}")
    show_list(("field", "value"), _lines(found[name]), Console())


def _lines(preset: JsonObject) -> Iterator[list[str]]:
    for name, value in preset.items():
        if name == "hours" and isinstance(value, dict):
            yield from ([day, _windows(hours)] for day, hours in value.items())
        else:
            yield [name, shown(value)]


def _windows(day: JsonObject) -> str:
    windows = day.get("windows") or ([day] if "start" in day else [])
    told = [f"{each['start']}-{each['end']}" for each in windows] if isinstance(windows, list) else []
    return ", ".join(told) if day.get("enabled") else "closed"
