"""Uploads of batches, as JSON or as a form with a file."""

from typing import Annotated

from anyio import to_thread
from fastapi import Depends
from starlette.requests import Request

from api.batches.csv_upload import read_form_upload
from api.batches.upload import BatchUpload, read_upload
from api.http.authentication import Caller, Client
from api.http.body import BATCH_LIMIT, is_form, parse_off_loop, require_json
from api.http.multipart import new_form
from api.http.posted import Posted, read_form, reading_places
from api.http.refusals import UnsupportedMediaType, UnsupportedUpload
from api.http.uploads import Upload, new_spool


async def _json_upload(request: Request, caller: Caller) -> Posted[BatchUpload]:
    return await _read_json_upload(request, caller, UnsupportedMediaType)


async def _json_or_file_upload(request: Request, caller: Caller) -> Posted[BatchUpload]:
    if not is_form(request):
        return await _read_json_upload(request, caller, UnsupportedUpload)
    with new_form() as reader:
        form = await read_form(reader, request, caller)
        upload, document = await to_thread.run_sync(read_form_upload, form, limiter=reading_places(request))
    return Posted(upload, document)


async def _read_json_upload(
    request: Request, caller: Client, unsupported: type[UnsupportedMediaType]
) -> Posted[BatchUpload]:
    body = Upload(request, caller.token_id, BATCH_LIMIT)
    with new_spool() as spool:
        await body.spool(spool)
        require_json(request, unsupported)
        await body.enter_memory()
        document = await parse_off_loop(await body.read(spool))
    upload = await to_thread.run_sync(read_upload, document, limiter=reading_places(request))
    return Posted(upload, document)


UploadBody = Annotated[Posted[BatchUpload], Depends(_json_upload)]
UploadBodyOrFile = Annotated[Posted[BatchUpload], Depends(_json_or_file_upload)]
