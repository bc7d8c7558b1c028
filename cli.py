"""The command `apollo`: settings, clock and database go in here, the work is done elsewhere.

Most commands speak REST alone. What a command needs beyond it is loaded by that command: database and engine
take longer to load than most commands to run.
"""

import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from console.api_client import ApiClient
from console.batch_commands import batches
from console.campaign_commands import campaigns
from console.cli_context import CliContext
from console.demo import Demo
from console.erasure_commands import erase
from console.failures import ApolloGroup, CommandFailed
from console.listing import show_list, shown
from console.preset_commands import presets
from console.suppression_commands import suppressions
from console.watch import Watcher
from console.webhook_commands import webhooks
from domain.ports import Outdated
from embedded.data_folder import read_token
from embedded.plan import with_absolute_folder
from embedded.stop_request import StopRequest, StopRequested
from embedded.token_commands import tokens
from settings import Settings, read_settings
from temporal.process_exit import leave

if TYPE_CHECKING:
    from embedded.stack import RunningStack

DEMO_CONTACTS = Path(__file__).resolve().parent / "console" / "demo.csv"

app = typer.Typer(
    cls=ApolloGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Outbound-call batches on Temporal.",
)
app.add_typer(campaigns, name="campaigns")
app.add_typer(batches, name="batches")
app.add_typer(presets, name="presets")
app.add_typer(suppressions, name="suppressions")
app.add_typer(tokens, name="tokens")
app.add_typer(webhooks, name="webhooks")
app.command()(erase)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"apollo {version('apollo')}")
        raise typer.Exit


@app.callback()
def _prepare(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    if context.obj is None:
        context.obj = _cli_context(with_absolute_folder(read_settings()))


@app.command()
def up() -> None:
    """Start the whole stack and keep it running until Ctrl-C."""
    from embedded.up import run_until_stopped

    settings = with_absolute_folder(read_settings())
    _refuse_wrong_provider(settings)
    run_until_stopped(settings, Console(highlight=False))


@app.command()
def demo() -> None:
    """Call 200 simulated people to the end on a stack of its own, and check every ring."""
    from embedded.demo_stack import demo_plan
    from embedded.stack import running
    from embedded.summary import say_on

    console = Console(highlight=False)
    with StopRequest() as stop:
        try:
            with demo_plan() as plan, running(plan, stop, say_on(console)) as stack:
                batch_id = _call_everybody(stack, console)
        except StopRequested:
            raise CommandFailed("The demo was stopped before its end") from None
    _show_next_steps(batch_id, console)


@app.command()
def web() -> None:
    """Serve the web console alone, for the API that APOLLO_WEB_API_URL names, until Ctrl-C."""
    from web.app import serve

    settings = read_settings()
    typer.echo(f"The web console is at {settings.web_url}, for the API at {settings.console_api_url}.")
    serve(settings)


@app.command()
def migrate() -> None:
    """Bring the database's tables up to date."""
    from embedded.database import operators_database
    from store.migrations import upgrade

    settings = with_absolute_folder(read_settings())
    with operators_database(settings) as database_url:
        is_ours = upgrade(database_url)
    if is_ours:
        typer.echo("The database is up to date.")
    else:
        typer.echo("The database is of a newer version, whose tables serve this one: nothing was changed.")


@app.command()
def purge(
    *, dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be taken.")] = False
) -> None:
    """Take what is older than APOLLO_RETENTION_DAYS and APOLLO_AUDIT_RETENTION_DAYS let it be, now."""
    settings = with_absolute_folder(read_settings())
    if settings.retention is None and settings.audit_retention is None:
        raise CommandFailed(
            "Everything is kept for ever: set APOLLO_RETENTION_DAYS or APOLLO_AUDIT_RETENTION_DAYS"
        )
    from api.webhook_endpoints.bodies import body_of
    from embedded.database import operators_database
    from embedded.purge import outdated_now, purge_now

    take = outdated_now if dry_run else purge_now
    with operators_database(settings) as database_url:
        found = take(database_url, settings, body_of)
    show_list(("what", "count"), _purged(found), Console(highlight=False))
    typer.echo("Nothing was changed." if dry_run else "Emptied or forgotten.", err=True)


def main() -> None:
    """Run a command and end the process with its exit code."""
    try:
        app()
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)  # noqa: T201 - what Python itself does with such an end
            leave(1)
        leave(end.code or 0)


def _purged(found: Outdated) -> list[list[str]]:
    return [
        ["batches to be emptied", shown(found.batches)],
        ["contacts in them", shown(found.contacts)],
        ["entries of the audit log", shown(found.audit_entries)],
    ]


def _refuse_wrong_provider(settings: Settings) -> None:
    """Say it here, not only in the log of a worker that does not start."""
    from telephony.registry import chosen_settings

    try:
        chosen_settings(settings).require_complete()
    except ValueError as error:
        sys.exit(str(error))


def _cli_context(settings: Settings) -> CliContext:
    return CliContext(
        api_url=settings.api_url,
        stack_token=lambda: read_token(settings.data_dir),
        watcher=Watcher(clock=time.monotonic, pause=time.sleep),
    )


def _call_everybody(stack: "RunningStack", console: Console) -> str:
    plan = stack.plan
    console.print(
        Text(f"Watch it at {plan.settings.web_url} with the API token {stack.token}"), soft_wrap=True
    )
    with ApiClient(plan.api_url, stack.token) as api:
        shown = Demo(api=api, ledger_url=f"{plan.simulator_url}/ledger", pause=stack.pause, console=console)
        return shown.run(DEMO_CONTACTS)


def _show_next_steps(batch_id: str, console: Console) -> None:
    defaults = Settings.model_construct()
    lines = (
        "All went as promised, and nothing of the demo is left running.",
        "Next: `make up` keeps a stack running. While it does:",
        f"  Web console      {defaults.web_url}",
        f"  API docs         {defaults.api_url}/docs",
        f"  Temporal Web UI  http://127.0.0.1:{defaults.temporal_ui_port}",
        f"  Every batch is a workflow named after it; the one just seen was batch/{batch_id}",
    )
    for line in lines:
        console.print(Text(line), soft_wrap=True)
