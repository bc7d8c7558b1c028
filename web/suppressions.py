"""The suppression list: numbers that the organization must not call."""

from starlette.responses import Response

from web.api_client import JsonObject
from web.visit import Visit, acting, signed_in

SHOWN = 50


@signed_in
async def suppressions(visit: Visit) -> Response:
    """List the entries, newest first."""
    text = visit.request.query_params.get("skip", "")
    skip = min(int(text), 2_000_000_000) if text.isdecimal() else 0
    page = await visit.api.page("suppressions", query={"limit": SHOWN, "skip": skip})
    return visit.show("suppressions.html", entries=page, skip=skip, limit=SHOWN, looked_for=None)


@acting("/suppressions")
async def look_up(visit: Visit) -> Response:
    """Show the entry of one number, which stands in no address of this console."""
    number = str((await visit.request.form()).get("phone_number", "")).strip()
    page = await visit.api.page("suppressions", query={"phone_number": number})
    return visit.show("suppressions.html", entries=page, skip=0, limit=SHOWN, looked_for=number)


@acting("/suppressions")
async def add(visit: Visit) -> Response:
    """List a number."""
    form = await visit.request.form()
    fields = ("phone_number", "reason", "expires_at")
    body: JsonObject = {name: text for name in fields if (text := str(form.get(name, "")).strip())}
    await visit.api.post("suppressions", body=body)
    visit.say("The number is not called any more.")
    return visit.go("/suppressions")


@acting("/suppressions")
async def remove(visit: Visit) -> Response:
    """Take a number off the list."""
    await visit.api.delete("suppressions", visit.path_params["suppression_id"])
    visit.say("The number may be called again. Who was skipped does not come back.")
    return visit.go("/suppressions")
