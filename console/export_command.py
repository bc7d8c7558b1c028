"""`apollo batches export`"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from console.cli_context import ApiToken, ApiUrl, cli_context_of
from console.failures import UsageWrong

batch_export = typer.Typer()


class Rows(StrEnum):
    """What one row stands for."""

    CONTACTS = "contacts"
    CALLS = "calls"


@batch_export.command("export")
def export_batch(  # noqa: PLR0913 - one parameter per option
    context: typer.Context,
    batch_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the batch.")],
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
