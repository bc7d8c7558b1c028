"""`apollo batches …`"""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.console import Console

from console.api_client import ApiClient, JsonObject
from console.batch_debugging import batch_debugging
from console.batch_preview import batch_preview
from console.changes import change_body, given
from console.cli_context import ApiToken, ApiUrl, CliContext, cli_context_of
from console.failures import REFUSED, UsageWrong
from console.life_cycle_commands import batch_actions
from console.listing import cells, show_list, shown
from console.progress import read_progress

batches = typer.Typer(no_args_is_help=True, help="Lists of people to call under a campaign.")
batches.add_typer(batch_actions)
batches.add_typer(batch_debugging)
batches.add_typer(batch_preview)

BatchId = Annotated[str, typer.Argument(metavar="ID", help="Id of the batch.")]
SkipInvalid = Annotated[bool, typer.Option("--skip-invalid", help="Store bad rows as skipped.")]
Statuses = Annotated[list[str] | None, typer.Option("--status", help="Only these; may be repeated.")]

_CONTACT_COLUMNS = (
    *("position", "contact", "number", "name", "external id"),
    *("status", "skip reason", "retries", "last attempted", "due"),
)
_CALL_COLUMNS = (
    *("position", "contact", "number", "attempt", "kind", "call status"),
    *("from", "started", "seconds", "hangup reason", "error", "execution"),
)
_WHO = ("position", "contact_id", "phone_number")
_CALL_FIELDS = (
    *("attempt", "kind", "call_status", "from_number"),
    *("started_at", "duration_seconds", "hangup_reason", "error", "execution_id"),
)


@batches.command("create")
def create(  # noqa: PLR0913 - one parameter per option
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV with a column phone_number or mobile_number.")],
    *,
    campaign: Annotated[str, typer.Option(help="Id of the campaign whose rules hold.")],
    watch: Annotated[bool, typer.Option("--watch", help="Follow the batch to its end.")] = False,
    name: Annotated[str | None, typer.Option(help="What people call the batch.")] = None,
    concurrency: Annotated[int | None, typer.Option(help="Live calls at most.")] = None,
    max_retries: Annotated[int | None, typer.Option(help="Retries per contact.")] = None,
    timezone: Annotated[str | None, typer.Option(help="IANA name of the zone of its people.")] = None,
    scheduled_start: Annotated[str | None, typer.Option(help="ISO 8601 date and time.")] = None,
    scheduled_end: Annotated[str | None, typer.Option(help="ISO 8601 date and time.")] = None,
    keep_open: Annotated[
        bool, typer.Option("--keep-open", help="Go on when everybody is done, until it is closed.")
    ] = False,
    skip_invalid: SkipInvalid = False,
    api_url: ApiUrl = None,
    token: ApiToken = None,
) -> None:
    """Upload a CSV file of contacts; prints the batch's id."""
    options = {
        "campaign_id": campaign,
        "name": name,
        "concurrency_limit": concurrency,
        "max_retries_override": max_retries,
        "timezone": timezone,
        "scheduled_start": scheduled_start,
        "scheduled_end": scheduled_end,
        "keep_open": keep_open or None,
        "on_invalid": "skip" if skip_invalid else None,
    }
    fields = given(options)
    here = cli_context_of(context)
    with here.connect(api_url, token) as api:
        with _read(file) as contacts:
            batch = api.create_batch(fields, contacts)
        typer.echo(batch["batch_id"])
        typer.echo(f"Batch created, {batch.get('status')}{_report(batch)}.", err=True)
        if watch:
            _follow(here, api, str(batch["batch_id"]))


@batches.command("append")
def append(  # noqa: PLR0913 - one parameter per option
    context: typer.Context,
    batch_id: BatchId,
    file: Annotated[Path, typer.Argument(help="CSV with a column phone_number or mobile_number.")],
    *,
    skip_invalid: SkipInvalid = False,
    api_url: ApiUrl = None,
    token: ApiToken = None,
) -> None:
    """Add a CSV file of contacts to a batch that is not over; prints how many the batch holds."""
    fields = given({"on_invalid": "skip" if skip_invalid else None})
    with cli_context_of(context).connect(api_url, token) as api, _read(file) as contacts:
        appended = api.append_contacts(batch_id, fields, contacts)
    typer.echo(appended.get("total_contacts"))
    typer.echo(f"Contacts added{_report(appended)}.", err=True)


@batches.command("watch")
def watch_batch(
    context: typer.Context,
    batch_id: BatchId,
    api_url: ApiUrl = None,
    token: ApiToken = None,
) -> None:
    """Follow a batch to its end.

    Exit code 0 when it completed, 1 when it was cancelled or expired, 3 when the API stayed away.
    """
    here = cli_context_of(context)
    with here.connect(api_url, token) as api:
        _follow(here, api, batch_id)


@batches.command("list")
def list_batches(
    context: typer.Context,
    campaign: Annotated[str | None, typer.Option(help="Only batches of this campaign.")] = None,
    status: Statuses = None,
    api_url: ApiUrl = None,
    token: ApiToken = None,
) -> None:
    """List batches, newest first."""
    with cli_context_of(context).connect(api_url, token) as api:
        rows = [_row(each) for each in api.batches(campaign_id=campaign, statuses=status or ())]
    show_list(("batch", "campaign", "name", "status", "done", "created"), rows, Console())


@batches.command("show")
def show_batch(
    context: typer.Context, batch_id: BatchId, api_url: ApiUrl = None, token: ApiToken = None
) -> None:
    """Show everything about one batch, field by field."""
    with cli_context_of(context).connect(api_url, token) as api:
        batch = api.batch(batch_id)
    show_list(("field", "value"), ([name, shown(value)] for name, value in batch.items()), Console())


@batches.command("change")
def change(  # noqa: PLR0913 - one parameter per option
    context: typer.Context,
    batch_id: BatchId,
    *,
    name: Annotated[str | None, typer.Option(help="What people call the batch.")] = None,
    concurrency: Annotated[int | None, typer.Option(help="Live calls at most.")] = None,
    max_retries: Annotated[int | None, typer.Option(help="Retries per contact.")] = None,
    timezone: Annotated[str | None, typer.Option(help="IANA name of the zone of its people.")] = None,
    scheduled_start: Annotated[
        str | None, typer.Option(help="ISO 8601 date and time, while the start lies ahead.")
    ] = None,
    scheduled_end: Annotated[str | None, typer.Option(help="ISO 8601 date and time.")] = None,
    keep_open: Annotated[
        bool, typer.Option("--keep-open", help="Go on when everybody is done, until it is closed.")
    ] = False,
    reset: Annotated[
        list[str] | None, typer.Option(help="A field to set back, such as scheduled_end; may be repeated.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="The change as JSON, instead of options.")] = None,
    api_url: ApiUrl = None,
    token: ApiToken = None,
) -> None:
    """Change a batch, for later calls and for waiting contacts; shows it as it is now."""
    options = given(
        {
            "name": name,
            "concurrency_limit": concurrency,
            "max_retries_override": max_retries,
            "timezone": timezone,
            "scheduled_start": scheduled_start,
            "scheduled_end": scheduled_end,
            "keep_open": keep_open or None,
        }
    )
    body = change_body(options, reset or [], file)
    with cli_context_of(context).connect(api_url, token) as api:
        batch = api.change_batch(batch_id, body)
    show_list(("field", "value"), ([field, shown(value)] for field, value in batch.items()), Console())


@batches.command("requeue")
def requeue(  # noqa: PLR0913 - one parameter per option
    context: typer.Context,
    batch_id: BatchId,
    *,
    status: Annotated[
        list[str], typer.Option(help="Contacts that ended so, such as no_answer; may be repeated.")
    ],
    disposition: Annotated[
        list[str] | None, typer.Option(help="And whose newest call came to this; may be repeated.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Follow the new batch to its end.")] = False,
    name: Annotated[str | None, typer.Option(help="What people call the new batch.")] = None,
    concurrency: Annotated[int | None, typer.Option(help="Live calls at most.")] = None,
    max_retries: Annotated[int | None, typer.Option(help="Retries per contact.")] = None,
    scheduled_start: Annotated[str | None, typer.Option(help="ISO 8601 date and time.")] = None,
    scheduled_end: Annotated[str | None, typer.Option(help="ISO 8601 date and time.")] = None,
    api_url: ApiUrl = None,
    token: ApiToken = None,
) -> None:
    """Call contacts of a batch again, in a new batch under the same rules; prints its id."""
    options = {
        "statuses": status,
        "dispositions": disposition or None,
        "name": name,
        "concurrency_limit": concurrency,
        "max_retries_override": max_retries,
        "scheduled_start": scheduled_start,
        "scheduled_end": scheduled_end,
    }
    here = cli_context_of(context)
    with here.connect(api_url, token) as api:
        batch = api.requeue_batch(batch_id, given(options))
        typer.echo(batch["batch_id"])
        typer.echo(f"{batch['total_contacts']} contacts requeued, {batch['status']}.", err=True)
        if watch:
            _follow(here, api, str(batch["batch_id"]))


@batches.command("contacts")
def list_contacts(  # noqa: PLR0913 - one parameter per option
    context: typer.Context,
    batch_id: BatchId,
    *,
    status: Statuses = None,
    calls: Annotated[
        bool, typer.Option("--calls", help="A row per call instead of one per contact.")
    ] = False,
    api_url: ApiUrl = None,
    token: ApiToken = None,
) -> None:
    """List the contacts of a batch by position."""
    with cli_context_of(context).connect(api_url, token) as api:
        if calls:
            people = api.contacts_with_calls(batch_id, status or ())
            show_list(_CALL_COLUMNS, _call_rows(people), Console())
        else:
            people = api.contacts(batch_id, status or ())
            show_list(_CONTACT_COLUMNS, _contact_rows(people), Console())


@contextmanager
def _read(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise UsageWrong(f"{path}: {error.strerror}") from error


class Rows(StrEnum):
    """What one row stands for."""

    CONTACTS = "contacts"
    CALLS = "calls"


@batches.command("export")
def export_batch(  # noqa: PLR0913 - one parameter per option
    context: typer.Context,
    batch_id: BatchId,
    *,
    rows: Annotated[Rows, typer.Option(help="A row per contact, or one per call.")] = Rows.CONTACTS,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; by default the terminal.")
    ] = None,
    api_url: ApiUrl = None,
    token: ApiToken = None,
) -> None:
    """Write a batch as CSV; a file appears only once it is whole."""
    with (
        cli_context_of(context).connect(api_url, token) as api,
        api.export(batch_id, rows.value) as chunks,
        _opened(output) as file,
    ):
        for chunk in chunks:
            file.write(chunk)


def _follow(here: CliContext, api: ApiClient, batch_id: str) -> None:
    progress = here.watcher.follow(api, batch_id, Console())
    if progress.status != "completed":
        raise typer.Exit(REFUSED)


def _report(answer: JsonObject) -> str:
    """Return what became of the rows of a file, behind a colon; nothing where that is not told."""
    report = answer.get("import_report")
    if not isinstance(report, dict):
        return ""
    kept = f"{report.get('accepted')} of {report.get('received')} contacts accepted"
    dropped = f"{report.get('invalid')} invalid, {report.get('duplicates')} duplicates"
    return f": {kept} ({dropped})"


def _row(batch: JsonObject) -> list[str]:
    progress = read_progress(batch)
    return [
        *cells(batch, ("batch_id", "campaign_id", "name", "status")),
        f"{progress.done}/{progress.total}",
        shown(batch.get("created_at")),
    ]


def _contact_rows(contacts: Iterable[JsonObject]) -> Iterator[list[str]]:
    """Yield a row per contact; `due` is the time of the retry or the follow-up it waits for."""
    for contact in contacts:
        due_at = contact.get("next_retry_at") or contact.get("follow_up_at")
        yield [
            *cells(contact, _WHO),
            _callee_name(contact),
            *cells(contact, ("external_id", "status", "skip_reason", "retry_count", "last_attempted_at")),
            shown(due_at),
        ]


def _call_rows(contacts: Iterable[JsonObject]) -> Iterator[list[str]]:
    """Yield a row per call, oldest first within a contact; contacts without a call do not appear."""
    for contact in contacts:
        records = contact.get("call_records")
        for record in records if isinstance(records, list) else ():
            yield [*cells(contact, _WHO), *cells(record, _CALL_FIELDS)]


def _callee_name(contact: JsonObject) -> str:
    variables = contact.get("call_variables")
    return shown(variables.get("callee_name")) if isinstance(variables, dict) else ""


@contextmanager
def _opened(output: Path | None) -> Iterator[BinaryIO]:
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    unfinished = output.with_name(f"{output.name}.part")
    try:
        with unfinished.open("wb") as file:
            yield file
        unfinished.replace(output)
    except OSError as error:
        raise UsageWrong(f"{output}: {error.strerror}") from error
    finally:
        unfinished.unlink(missing_ok=True)
