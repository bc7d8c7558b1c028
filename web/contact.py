"""One contact: its story in order, why it is not called now, and what came of it."""

from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup
from starlette.responses import Response

from web.api_client import JsonObject, all_or_none
from web.pages import instant, words
from web.visit import Visit, acting, signed_in

DEBUG_SECONDS = 4.0
WAITING = ("pending", "retrying", "followup_scheduled")
AUDITED = 50
SKIPPED_BECAUSE = {
    "manual": "somebody skipped it by hand",
    "batch_cancelled": "its batch was cancelled",
    "campaign_cancelled": "its campaign was cancelled",
    "batch_expired": "its batch came to its end first",
    "suppressed": "its number is on the suppression list",
    "invalid_number": "its row was bad",
    "erased": "its data was erased",
}
GATES = {
    "paused": "The batch is paused.",
    "outside_working_hours": "The calling window is closed.",
    "waiting_for_capacity": "All slots are in use.",
    "worker_down": "No worker is running.",
    "dial_worker_down": "No worker is dialling.",
    "temporal_down": "Temporal does not answer.",
    "workflow_missing": "The batch has no workflow.",
    "workflow_failing": "The batch's workflow fails.",
    "provider_failing": "The provider fails, so nobody is dialled.",
    "stalled": "The batch does not move; dispatch it.",
}
"""What holds back everybody of a batch, by the diagnosis that says so."""


@dataclass(frozen=True)
class Step:
    """One thing that happened."""

    at: str | None
    title: str
    tone: str = ""
    lines: list[Markup | str] = field(default_factory=list)


@signed_in
async def contact(visit: Visit) -> Response:
    """Show a contact."""
    ids = visit.path_params
    found = await visit.api.one("batches", ids["batch_id"], "contacts", ids["contact_id"])
    batch, debug, changes = await all_or_none(
        visit.api.one("batches", ids["batch_id"]),
        visit.api.recent("batches", ids["batch_id"], "debug", seconds=DEBUG_SECONDS),
        _changes(visit, ids["contact_id"]),
    )
    return visit.show(
        "contact.html",
        contact=found,
        batch=batch or {"batch_id": ids["batch_id"], "name": None},
        verdict=verdict(found),
        held_by=held_by(found, batch, debug) if found["status"] in WAITING else [],
        story=story(found, (changes or {}).get("entries", [])),
        may_erase=bool(found["phone_number"]),
        may_skip=found["status"] in WAITING,
        may_follow_up=found["status"] == "completed",
    )


async def _changes(visit: Visit, contact_id: str) -> JsonObject:
    page = await visit.api.page("audit-log", query={"object": contact_id, "limit": AUDITED})
    return {"entries": page.items}


VERDICTS = {
    "completed": "Reached, with {tried}.",
    "busy": "Not reached: {tried}, the last one {last}, and no retry follows.",
    "no_answer": "Not reached: {tried}, the last one {last}, and no retry follows.",
    "failed": "Not reached: {tried}, the last one {last}, and no retry follows.",
    "max_retries_reached": "Not reached: {tried}, the last one {last}, and every retry is spent ({retries}).",
    "skipped": "Not called {again}: {why}.",
    "retrying": "Not reached yet: {tried}, the last one {last}. It is called again.",
    "followup_scheduled": "A further call was agreed.",
    "pending": "Not called yet.",
}


def verdict(found: JsonObject) -> str:
    """Say in a sentence where the contact stands, and why."""
    calls = found["call_records"]
    return VERDICTS.get(found["status"], "Being called now.").format(
        tried=f"{len(calls)} attempt{'' if len(calls) == 1 else 's'}",
        last=words(calls[-1]["call_status"]) if calls else "none",
        retries=found["retry_count"],
        again="again" if calls else "at all",
        why=SKIPPED_BECAUSE.get(found["skip_reason"], words(found["skip_reason"])),
    )


def held_by(found: JsonObject, batch: JsonObject | None, debug: JsonObject | None) -> list[Markup]:
    """Say what keeps a waiting contact from being called, and until when."""
    reasons: list[Markup] = []
    if found["next_retry_at"]:
        text = Markup("Its next retry is due at {}: the cooldown, or the next opening of its window.")
        reasons.append(text.format(instant(found["next_retry_at"])))
    if found["not_before"] and found["status"] == "pending":
        reasons.append(Markup("It is not called before {}.").format(instant(found["not_before"])))
    if found["follow_up_at"]:
        reasons.append(Markup("Its follow-up is due at {}.").format(instant(found["follow_up_at"])))
    if batch is not None and batch["status"] == "pending" and batch["scheduled_start"]:
        reasons.append(Markup("Its batch begins at {}.").format(instant(batch["scheduled_start"])))
    if debug is None:
        return [*reasons, Markup("What else holds it back could not be asked just now.")]
    codes = [debug["diagnosis"], *(each["code"] for each in debug.get("warnings") or [])]
    reasons += [Markup("{}").format(GATES[code]) for code in codes if code in GATES]
    reasons += [Markup("The preset {} lets nobody call it now.").format(name) for name in found["held_by"]]
    window = debug.get("window") or {}
    if window.get("open") is False and window.get("opens_at") and found["timezone"] is None:
        reasons.append(Markup("The window opens at {}.").format(instant(window["opens_at"])))
    if not reasons and debug["diagnosis"] not in ("completed", "cancelled", "expired"):
        reasons.append(Markup("Nothing: its turn comes as slots get free."))
    return reasons


def story(found: JsonObject, changes: list[JsonObject]) -> list[Step]:
    """Return everything that is known to have happened, in order."""
    steps = [Step(found["created_at"], "Uploaded", lines=[f"Row {found['position']} of the batch"])]
    steps += [_attempt(each) for each in found["call_records"]]
    steps += [_change(each) for each in changes]
    ordered = sorted(steps, key=lambda each: each.at or "9")
    return [*ordered, _end(found)]


def _attempt(call: JsonObject) -> Step:
    status = call["call_status"]
    tone = {"completed": "good", "ringing": "now", "in_progress": "now", "queued": "now"}.get(status, "bad")
    shown: list[tuple[str, Any]] = [
        ("Handed to the provider", _time(call["started_at"])),
        ("Answered", _time(call["answered_at"])),
        ("Ended", _time(call["ended_at"])),
        ("Talked for", None if call["duration_seconds"] is None else f"{call['duration_seconds']} s"),
        ("Shown number", call["from_number"]),
        ("Answered by", call["answered_by"]),
        ("Disposition", None if call["disposition"] is None else words(call["disposition"])),
        ("Note", call["disposition_note"]),
        ("Summary", call["summary"]),
        ("Hung up by", call["hangup_by"]),
        ("Reason", call["hangup_reason"]),
        ("SIP status", call["sip_status"]),
        ("Error", call["error"]),
    ]
    lines: list[Markup | str] = [
        Markup("{}: {}").format(name, value) for name, value in shown if value is not None
    ]
    title = f"Attempt {call['attempt']} ({words(call['kind'])}): {words(status)}"
    return Step(call["started_at"], title, tone, lines)


def _change(entry: JsonObject) -> Step:
    by = entry.get("token_name") or "somebody"
    return Step(entry["time"], f"{words(str(entry['action']).replace('.', ' '))}, by {by}")


def _end(found: JsonObject) -> Step:
    tone = "good" if found["status"] == "completed" else "now" if found["status"] in WAITING else "bad"
    lines: list[Markup | str] = [found["skip_detail"]] if found["skip_detail"] else []
    return Step(found["updated_at"], f"Now: {words(found['status'])}", tone, lines)


def _time(text: str | None) -> Markup | None:
    return None if text is None else instant(text)


@acting("/batches/{batch_id}/contacts/{contact_id}")
async def skip(visit: Visit) -> Response:
    """Skip a waiting contact."""
    ids = visit.path_params
    await visit.api.post("batches", ids["batch_id"], "contacts", ids["contact_id"], "skip")
    visit.say("The contact is not called (again).")
    return visit.go(_path(ids))


@acting("/batches/{batch_id}/contacts/{contact_id}")
async def follow_up(visit: Visit) -> Response:
    """Have a contact called again at an agreed time."""
    ids = visit.path_params
    at = str((await visit.request.form()).get("at", ""))
    path = ("batches", ids["batch_id"], "contacts", ids["contact_id"], "follow-up")
    await visit.api.post(*path, body={"at": at})
    visit.say("The follow-up is scheduled.")
    return visit.go(_path(ids))


@acting("/batches/{batch_id}/contacts/{contact_id}")
async def erase(visit: Visit) -> Response:
    """Erase the person, by the number that the API tells and no address does."""
    ids = visit.path_params
    found = await visit.api.one("batches", ids["batch_id"], "contacts", ids["contact_id"])
    done = await visit.api.post("erasures", body={"phone_number": found["phone_number"]})
    visit.say(f"Erased: {done['contacts']:,} contacts and {done['calls']:,} calls of this person.")
    return visit.go(_path(ids))


def _path(ids: dict[str, str]) -> str:
    return f"/batches/{ids['batch_id']}/contacts/{ids['contact_id']}"
