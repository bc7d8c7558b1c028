"""`apollo erase`: a person asks to be forgotten."""

import sys
from typing import Annotated

import typer

from console.cli_context import ApiToken, ApiUrl, cli_context_of
from console.failures import UsageWrong

STANDARD_INPUT = "-"


def erase(
    context: typer.Context,
    number: Annotated[
        str | None,
        typer.Argument(
            help="E.164, as +14155550123; - reads it from standard input. Without one it is asked for,"
            " so that no shell remembers it."
        ),
    ] = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Erase without asking first.")] = False,
    api_url: ApiUrl = None,
    token: ApiToken = None,
) -> None:
    """Erase a person from everything the organization holds; cannot be undone. Prints what was held."""
    if number == STANDARD_INPUT:
        if not yes:
            raise UsageWrong("A number from standard input leaves nobody to ask: add --yes")
        number = sys.stdin.readline().strip()
    number = number or typer.prompt("Number, as +14155550123", err=True)
    if not yes:
        question = "Erase the person with this number from all batches, calls and events, for good?"
        typer.confirm(question, abort=True, err=True)
    with cli_context_of(context).connect(api_url, token) as api:
        erased = api.erase(number)
    typer.echo(erased["erasure_id"])
    typer.echo(
        f"Erased: {erased['contacts']} contacts, {erased['calls']} calls, {erased['events']} events.",
        err=True,
    )
