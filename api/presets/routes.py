"""Presets over HTTP."""

from fastapi import APIRouter
from pydantic import TypeAdapter
from starlette.responses import Response

from api.http.authentication import Caller
from api.http.openapi import READS, problems
from api.http.responses import json_list
from api.presets.schemas import PresetOut
from domain.presets import PRESETS

router = APIRouter(prefix="/api/v1/presets", tags=["presets"])

_ALL = TypeAdapter(list[PresetOut])


@router.get("/", include_in_schema=False)
@router.get("", response_model=list[PresetOut], responses=problems(READS))
async def list_presets(_caller: Caller) -> Response:
    """List the presets that campaigns may name, by name. Not legal advice."""
    return json_list(_ALL, [PresetOut.of(each) for each in PRESETS.values()], {})
