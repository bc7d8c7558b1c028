"""Files of suppressed numbers, as a form."""

from typing import Annotated

from anyio import to_thread
from fastapi import Depends
from starlette.requests import Request

from api.http.authentication import Caller
from api.http.body import BATCH_LIMIT, is_form, pass_over
from api.http.dependencies import Parts
from api.http.multipart import new_form
from api.http.posted import read_form, reading_places
from api.http.refusals import UnsupportedFile
from api.suppressions.file import SuppressionFile, read_suppression_form


async def _suppression_file(request: Request, caller: Caller, parts: Parts) -> SuppressionFile:
    if not is_form(request):
        await pass_over(request, BATCH_LIMIT)
        raise UnsupportedFile
    now = parts.clock()
    with new_form() as reader:
        form = await read_form(reader, request, caller)
        return await to_thread.run_sync(read_suppression_form, form, now, limiter=reading_places(request))


SuppressionFileBody = Annotated[SuppressionFile, Depends(_suppression_file)]
