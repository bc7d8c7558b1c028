"""A batch's events as they arrive, put together to the batch as it stands."""

import json
from collections.abc import Iterable, Iterator

from console.failures import RequestRefused

MEDIA_TYPE = "text/event-stream"


def batches_of(lines: Iterable[str]) -> Iterator[dict[str, object]]:
    """Yield the batch after each event and each heartbeat, until its end.

    Raises RequestRefused for what is no event of a batch.
    """
    batch: dict[str, object] = {}
    kind, data = "", ""
    for line in lines:
        name, _, value = line.partition(": ")
        match name:
            case "event":
                kind = value
            case "data":
                data = value
            case "" if kind == "end":
                return
            case "" if kind:
                batch = _with(batch, kind, data)
                kind = ""
                yield batch
            case "" if line and batch:
                yield batch  # a heartbeat: all is as it was


def _with(batch: dict[str, object], kind: str, data: str) -> dict[str, object]:
    try:
        members = json.loads(data)
    except ValueError as error:
        raise RequestRefused("The API sent an event that cannot be read") from error
    if not isinstance(members, dict):
        raise RequestRefused("The API sent an event that is no batch")
    return members if kind == "batch" else {**batch, **members}
