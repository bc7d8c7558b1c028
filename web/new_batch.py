"""A new batch: drop a file, look at what is wrong with it and what it would do, then start."""

import asyncio
import csv
import io
import shutil
from http import HTTPStatus
from tempfile import SpooledTemporaryFile
from typing import Any
from uuid import uuid4

from starlette.datastructures import FormData, UploadFile
from starlette.responses import Response

from web.api_client import ApiAway, ApiRefused, JsonObject, Upload
from web.sessions import Draft
from web.visit import Visit, acting, signed_in, told

CAMPAIGNS = 500
IN_MEMORY = 1024 * 1024
"""Of a file that waits; what is more goes to the disk, where it has no name."""
NO_FILE = "Choose a CSV file with at least one contact."
FIELDS = ("campaign_id", "name", "concurrency_limit", "scheduled_start", "scheduled_end")
_WITHOUT_PREVIEW = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)


@signed_in
async def new_batch(visit: Visit) -> Response:
    """Ask for a file of contacts."""
    campaigns = await visit.api.page("campaigns", query={"limit": CAMPAIGNS})
    usable = [each for each in campaigns.items if each["status"] != "cancelled"]
    chosen = visit.request.query_params.get("campaign", "")
    return visit.show("new_batch.html", campaigns=usable, chosen=chosen)


@acting("/batches/new")
async def keep_file(visit: Visit) -> Response:
    """Keep the file until its batch is started."""
    form = await visit.request.form()
    if (file := chosen_file(form)) is None:
        visit.say(NO_FILE, is_bad=True)
        return visit.go("/batches/new")
    content = await asyncio.to_thread(copied, file)
    rows = await asyncio.to_thread(_rows, content)
    visit.web.sessions.keep(
        visit.session,
        Draft(
            key=uuid4().hex,
            name=file.filename or "contacts.csv",
            content=content,
            fields=_fields(form),
            rows=rows,
        ),
    )
    return visit.go("/batches/new/check")


@signed_in
async def check(visit: Visit) -> Response:
    """Show what the API says of the file before anybody is called."""
    draft = visit.session.draft
    if draft is None:
        visit.say("There is no file that waits. Choose one.", is_bad=True)
        return visit.go("/batches/new")
    campaign = await visit.api.one("campaigns", draft.fields["campaign_id"])
    preview, refused = await _previewed(visit, draft)
    return visit.show(
        "check.html", draft=draft, campaign=campaign, preview=preview, **_errors(draft, refused)
    )


@acting("/batches/new/check")
async def start(visit: Visit) -> Response:
    """Start the batch of the file that waits."""
    draft = visit.session.draft
    if draft is None:
        return visit.go("/batches/new")
    on_invalid = "skip" if (await visit.request.form()).get("on_invalid") == "skip" else "reject"
    file = Upload(name=draft.name, content=draft.content, fields={**draft.fields, "on_invalid": on_invalid})
    try:
        made = await visit.api.upload("batches", "upload", file=file, key=draft.key)
    except ApiRefused as refused:
        draft.refused = refused
        raise
    visit.session.end()
    visit.say(_said(made))
    return visit.go(f"/batches/{made['batch_id']}")


async def _previewed(visit: Visit, draft: Draft) -> tuple[JsonObject | None, ApiRefused | None]:
    """Return the preview and what is wrong; with rows that are wrong, the preview of the others.

    No preview where the API has no time for one, or makes none: the batch can be started all the same.
    """
    try:
        return await _preview(visit, draft, on_invalid="reject"), draft.refused
    except ApiAway:
        return None, draft.refused
    except ApiRefused as refused:
        if refused.status in _WITHOUT_PREVIEW:
            return None, draft.refused
        if refused.status != HTTPStatus.UNPROCESSABLE_ENTITY:
            raise
        return await _preview_of_the_others(visit, draft), refused


async def _preview_of_the_others(visit: Visit, draft: Draft) -> JsonObject | None:
    try:
        return await _preview(visit, draft, on_invalid="skip")
    except (ApiAway, ApiRefused):
        return None


async def _preview(visit: Visit, draft: Draft, *, on_invalid: str) -> JsonObject:
    file = Upload(name=draft.name, content=draft.content, fields={**draft.fields, "on_invalid": on_invalid})
    return await visit.api.upload("batches", "preview", file=file)


def _errors(draft: Draft, refused: ApiRefused | None) -> dict[str, Any]:
    """Return what is wrong, rows apart from the rest."""
    draft.refused = None
    if refused is None:
        return {"rows": [], "others": [], "row_count": 0}
    rows = [
        {"row": loc[1], "column": loc[2] if len(loc) > 2 else None, "msg": each["msg"]}
        for each in refused.errors
        if len(loc := list(each["loc"])) > 1 and loc[0] == "file" and isinstance(loc[1], int)
    ]
    others = [] if rows and len(rows) == len(refused.errors) else [told(refused)]
    return {"rows": rows, "others": others, "row_count": refused.error_count}


def _fields(form: FormData) -> dict[str, str]:
    texts = {name: str(form.get(name, "")).strip() for name in FIELDS}
    return {name: text for name, text in texts.items() if text}


def chosen_file(form: FormData) -> UploadFile | None:
    """Return the file of a form, None where none or an empty one was chosen."""
    file = form.get("file")
    return file if isinstance(file, UploadFile) and file.size else None


def copied(file: UploadFile) -> "SpooledTemporaryFile[bytes]":
    """Return a copy of a file, which the request takes with it at its end; the caller closes it."""
    kept: SpooledTemporaryFile[bytes] = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - see above
    file.file.seek(0)
    shutil.copyfileobj(file.file, kept)
    return kept


def _rows(file: "SpooledTemporaryFile[bytes]") -> int | None:
    """Count the rows below the header; None for what is no CSV in UTF-8."""
    file.seek(0)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        return max(0, sum(1 for row in csv.reader(text) if any(row)) - 1)
    except (UnicodeDecodeError, csv.Error):
        return None
    finally:
        text.detach()


def _said(made: JsonObject) -> str:
    report = made["import_report"]
    parts = [f"{report['accepted']:,} contacts are called"]
    parts += [f"{report['invalid']:,} bad rows were left out"] if report["invalid"] else []
    parts += [f"{report['duplicates']:,} numbers came twice"] if report["duplicates"] else []
    return "; ".join(parts) + "."
