"""Who answered and what came of it, as the store keeps it."""

import pytest

from domain.call import CallStatus
from domain.disposition import AnsweredBy
from tests.builders import a_status_event
from tests.store.scenes import Stores

pytestmark = pytest.mark.store


async def test_what_an_event_tells_of_answerer_and_talk_is_kept(stores: Stores) -> None:
    record = await stores.claimed(await stores.a_person())
    event = a_status_event(
        CallStatus.COMPLETED,
        answered_by=AnsweredBy.FAX,
        disposition="left_message",
        disposition_note="after\x00 the beep",
        disposition_data={"ta\x00gs": ["a\x00", None, 1.5]},
    )
    recorded = await stores.calls.record_event(record.execution_id, event, event_key="a", body=None)
    kept = await stores.call(record)
    assert kept == recorded.record
    assert (kept.answered_by, kept.disposition) == (AnsweredBy.FAX, "left_message")
    assert kept.disposition_note == "after the beep"
    assert kept.disposition_data == {"tags": ["a", None, 1.5]}


async def test_call_that_nobody_told_about_has_nulls(stores: Stores) -> None:
    record = await stores.claimed(await stores.a_person())
    await stores.hears(record, CallStatus.IN_PROGRESS, CallStatus.COMPLETED)
    kept = await stores.call(record)
    told = (kept.answered_by, kept.disposition, kept.disposition_note, kept.disposition_data)
    assert told == (None, None, None, None)
