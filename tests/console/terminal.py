"""The command line over a prepared API."""

from typer.testing import CliRunner, Result

from cli import app
from console.cli_context import CliContext
from console.watch import Watcher
from tests.console.stand_in_api import TOKEN, Clock, StandInApi


def apollo(
    api: StandInApi, *arguments: str, stack_token: str | None = TOKEN, typed: str | None = None
) -> Result:
    """Type a command, and what it asks for."""
    clock = Clock()
    context = CliContext(
        api_url="http://api.example",
        stack_token=lambda: stack_token,
        watcher=Watcher(clock=clock, pause=clock.pause, outage_seconds=3),
        transport=api.transport,
    )
    return CliRunner().invoke(app, [*arguments], obj=context, input=typed)
