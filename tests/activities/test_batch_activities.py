"""What the workflow of a batch reads of the store: who stands where, who holds a slot, who is due."""

from datetime import timedelta

import pytest

from activities.messages import DueContacts, LoadBatch, LoadedBatch, SlotHolder, SlotRequest
from domain.batch import BatchStatus
from domain.call import AttemptKind, CallStatus
from domain.contact import ContactStatus
from tests.activities.scene import Scene
from tests.builders import BATCH_ID, MONDAY_NOON, a_batch, a_campaign, a_campaign_rules, a_dial_brief

LATER = MONDAY_NOON + timedelta(hours=1)
NOBODY = dict.fromkeys(ContactStatus, 0)


async def test_batch_that_does_not_exist_is_told_as_such() -> None:
    scene = Scene()

    assert await scene.run(scene.of_batches.load_batch, LoadBatch("btc_none")) == LoadedBatch(exists=False)


async def test_loaded_batch_tells_who_stands_where_and_who_holds_a_slot() -> None:
    scene = Scene(a_dial_brief(batch=a_batch(total_contacts=4, concurrency_limit=3)))
    scene.add_call(scene.add(2, ContactStatus.DISPATCHED), call_status=CallStatus.QUEUED)
    redialled = scene.add(3, ContactStatus.IN_PROGRESS)
    scene.add_call(redialled)
    scene.add_call(redialled, attempt=2, call_status=CallStatus.RINGING)
    scene.add(4, ContactStatus.SKIPPED)

    loaded = await scene.run(scene.of_batches.load_batch, LoadBatch(BATCH_ID))

    assert loaded == LoadedBatch(
        exists=True,
        status=BatchStatus.IN_PROGRESS,
        total_contacts=4,
        concurrency_limit=3,
        counts=NOBODY
        | {
            ContactStatus.PENDING: 1,
            ContactStatus.DISPATCHED: 1,
            ContactStatus.IN_PROGRESS: 1,
            ContactStatus.SKIPPED: 1,
        },
        live=[SlotHolder("con_2", 1), SlotHolder("con_3", 2)],
    )


@pytest.mark.parametrize("status", list(BatchStatus))
async def test_loaded_batch_tells_its_status_and_its_timetable(status: BatchStatus) -> None:
    batch = a_batch(status=status, scheduled_start=LATER, scheduled_end=LATER + timedelta(hours=1))
    scene = Scene(a_dial_brief(batch=batch))

    loaded = await scene.run(scene.of_batches.load_batch, LoadBatch(BATCH_ID))

    assert loaded == LoadedBatch(
        exists=True,
        status=status,
        total_contacts=1,
        concurrency_limit=10,
        scheduled_start=LATER,
        scheduled_end=LATER + timedelta(hours=1),
        counts=NOBODY | {ContactStatus.PENDING: 1},
    )


@pytest.mark.parametrize(
    ("own", "cap", "in_force"),
    [
        pytest.param(None, None, 10, id="neither says anything"),
        pytest.param(25, None, 25, id="only the batch"),
        pytest.param(None, 4, 4, id="only the campaign"),
        pytest.param(25, 4, 4, id="campaign's cap is lower"),
    ],
)
async def test_concurrency_is_the_batchs_own_under_the_campaigns_cap(
    own: int | None, cap: int | None, in_force: int
) -> None:
    rules = a_campaign_rules(metadata={"concurrency_limit": cap} if cap else {})
    scene = Scene(a_dial_brief(batch=a_batch(concurrency_limit=own), campaign=a_campaign(rules=rules)))

    assert (await scene.run(scene.of_batches.load_batch, LoadBatch(BATCH_ID))).concurrency_limit == in_force


async def test_due_contacts_are_those_whose_time_has_come_follow_ups_first() -> None:
    scene = Scene()
    for position, due_at in ((2, MONDAY_NOON), (3, LATER)):
        scene.add_call(scene.add(position, ContactStatus.RETRYING, next_retry_at=due_at))
    follow_up = scene.add(4, ContactStatus.FOLLOWUP_SCHEDULED, follow_up_at=MONDAY_NOON)
    scene.add_call(follow_up)
    scene.add_call(follow_up, attempt=2, call_status=CallStatus.COMPLETED)

    due = await scene.run(scene.of_batches.due_contacts, DueContacts(batch_id=BATCH_ID, limit=10))

    assert due == [
        SlotRequest("con_4", 3, AttemptKind.FOLLOW_UP),
        SlotRequest("con_2", 2, AttemptKind.RETRY),
    ]
