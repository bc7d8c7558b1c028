"""`apollo suppressions …`: numbers that the organization does not call."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from console.api_client import ApiClient
from console.cli_context import ApiToken, ApiUrl, cli_context_of
from console.failures import RequestRefused, UsageWrong
from console.listing import cells, show_list, shown

suppressions = typer.Typer(no_args_is_help=True, help="Numbers that must not be called.")

_FIELDS = ("suppression_id", "phone_number", "reason", "expires_at", "created_at")
_NUMBER_MARK = "+"


@suppressions.command("add")
def add(  # noqa: PLR0913 - one parameter per option
    context: typer.Context,
    number: Annotated[str | None, typer.Argument(help="E.164, as +14155550123.")] = None,
    *,
    execution: Annotated[
        str | None, typer.Option(help="Instead of a number: id of an attempt that called it.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why, for later readers.")] = None,
    expires_at: Annotated[str | None, typer.Option(help="ISO 8601 date and time; by default never.")] = None,
    api_url: ApiUrl = None,
    token: ApiToken = None,
) -> None:
    """Suppress a number, or give a suppressed one a new reason and end; prints its entry's id.

    Contacts that wait for a redial on it are skipped.
    """
    if (number is None) is (execution is None):
        raise UsageWrong("Give either a number or --execution")
    given = {"phone_number": number, "execution_id": execution, "reason": reason, "expires_at": expires_at}
    with cli_context_of(context).connect(api_url, token) as api:
        entry = api.suppress({name: value for name, value in given.items() if value is not None})
    typer.echo(entry["suppression_id"])
    typer.echo(f"Suppressed until {entry.get('expires_at') or 'removed'}.", err=True)


@suppressions.command("list")
def list_suppressions(
    context: typer.Context,
    number: Annotated[str | None, typer.Option(help="Only the entry of this number.")] = None,
    api_url: ApiUrl = None,
    token: ApiToken = None,
) -> None:
    """Show the entries, newest first, those that have expired too."""
    with cli_context_of(context).connect(api_url, token) as api:
        rows = [cells(each, _FIELDS) for each in api.suppressions(number)]
    show_list(("suppression", "number", "reason", "expires", "created"), rows, Console())


@suppressions.command("remove")
def remove(
    context: typer.Context,
    entry: Annotated[str, typer.Argument(metavar="ID|NUMBER", help="Id of the entry, or its number.")],
    api_url: ApiUrl = None,
    token: ApiToken = None,
) -> None:
    """Let a number be called again; contacts that were skipped meanwhile stay skipped."""
    with cli_context_of(context).connect(api_url, token) as api:
        api.remove_suppression(_entry_of(api, entry) if entry.startswith(_NUMBER_MARK) else entry)
    typer.echo("removed")
    typer.echo("Suppression removed.", err=True)


@suppressions.command("import")
def import_file(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(help="CSV with a column phone_number, and if needed reason and expires_at.")
    ],
    api_url: ApiUrl = None,
    token: ApiToken = None,
) -> None:
    """Suppress the numbers of a CSV file, all of them or none; prints what became of its rows."""
    try:
        with file.open("rb") as content, cli_context_of(context).connect(api_url, token) as api:
            report = api.import_suppressions(content)
    except OSError as error:
        raise UsageWrong(f"{file}: {error.strerror}") from error
    show_list(("rows", "count"), ([name, shown(count)] for name, count in report.items()), Console())


def _entry_of(api: ApiClient, number: str) -> str:
    for entry in api.suppressions(number):
        return str(entry["suppression_id"])
    raise RequestRefused("Nobody listed this number")
