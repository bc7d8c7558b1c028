"""Batches whose list lives: people are added, called again in a new batch, or gone with their batch."""

import asyncio
import hashlib
from collections.abc import Sequence
from tempfile import SpooledTemporaryFile

from starlette.datastructures import FormData
from starlette.responses import Response

from web.api_client import JsonObject, Upload
from web.new_batch import NO_FILE, chosen_file, copied
from web.visit import Visit, acting

ENDS = ("busy", "no_answer", "failed", "max_retries_reached", "completed", "skipped")
NOT_REACHED = ENDS[:4]
_AT_A_TIME = 1024 * 1024


@acting("/batches/{batch_id}")
async def append(visit: Visit) -> Response:
    """Add the people of a file to a batch; the same form with the same file is one request."""
    form, batch_id = await visit.request.form(), visit.path_params["batch_id"]
    if (file := chosen_file(form)) is None:
        visit.say(NO_FILE, is_bad=True)
        return visit.go(f"/batches/{batch_id}")
    content = await asyncio.to_thread(copied, file)
    try:
        upload = Upload(
            name=file.filename or "contacts.csv",
            content=content,
            fields={"on_invalid": "skip" if form.get("on_invalid") == "skip" else "reject"},
        )
        key = f"{form.get('key', '')}-{await asyncio.to_thread(_digest, content)}"
        done = await visit.api.upload("batches", batch_id, "contacts", "upload", file=upload, key=key)
    finally:
        content.close()
    visit.say(_added(done["import_report"]))
    return visit.go(f"/batches/{batch_id}")


@acting("/batches/{batch_id}")
async def requeue(visit: Visit) -> Response:
    """Call people of a batch again, in a new one; the same form is one request."""
    form = await visit.request.form()
    made = await visit.api.post(
        "batches",
        visit.path_params["batch_id"],
        "requeue",
        body=_again(form),
        key=str(form.get("key", "")) or None,
    )
    visit.say(f"{made['total_contacts']:,} contacts are called again, in this new batch.")
    return visit.go(f"/batches/{made['batch_id']}")


@acting("/batches/{batch_id}")
async def delete(visit: Visit) -> Response:
    """Take a batch that is over out of every list."""
    batch_id = visit.path_params["batch_id"]
    found = await visit.api.one("batches", batch_id)
    await visit.api.delete("batches", batch_id)
    visit.say("The batch is deleted.")
    return visit.go(f"/campaigns/{found['campaign_id']}")


def _again(form: FormData) -> JsonObject:
    """Return what is asked for; what is left out is the parent's."""
    dispositions = [each.strip() for each in str(form.get("dispositions", "")).split(",")]
    said: dict[str, str | Sequence[str]] = {
        "dispositions": [each for each in dispositions if each],
        "name": str(form.get("name", "")).strip(),
        "scheduled_start": str(form.get("scheduled_start", "")).strip(),
    }
    given = {name: value for name, value in said.items() if value}
    return {"statuses": [str(each) for each in form.getlist("statuses")], **given}


def _added(report: JsonObject) -> str:
    parts = [f"{report['accepted']:,} contacts are added"]
    parts += [f"{report['duplicates']:,} numbers are in it already"] if report["duplicates"] else []
    parts += [f"{report['invalid']:,} bad rows were left out"] if report["invalid"] else []
    return "; ".join(parts) + "."


def _digest(content: "SpooledTemporaryFile[bytes]") -> str:
    content.seek(0)
    digest = hashlib.blake2b(digest_size=12)
    while piece := content.read(_AT_A_TIME):
        digest.update(piece)
    return digest.hexdigest()
