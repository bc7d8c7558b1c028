"""A limit of calls per second in whole stories, on a clock that skips from call to call."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from activities.campaign_rate import COMES_EARLY
from domain.contact import ContactStatus
from domain.identity import BatchId
from tests.workflows.world import ANSWERED, World

pytestmark = pytest.mark.server

TEN_SECONDS = timedelta(seconds=10)
A_CALL_EVERY_TEN_SECONDS = {"calls_per_second": 0.1}


def _asked_at(world: World, *batch_ids: BatchId) -> Sequence[datetime]:
    calls = [call for batch_id in batch_ids for call in world.calls(batch_id)]
    return sorted(call.started_at for call in calls if call.started_at is not None)


async def _dials_of(world: World, batch_id: BatchId) -> list[int]:
    """How often each contact's workflow asked for its call, in the order of the contacts."""
    counts = []
    for contact in world.contacts(batch_id):
        history = await world.contact_story(contact).fetch_history()
        scheduled = (
            each.activity_task_scheduled_event_attributes.activity_type.name for each in history.events
        )
        counts.append(sum(name == "place_call" for name in scheduled))
    return counts


async def test_calls_begin_no_faster_than_their_campaign_allows_and_each_takes_one_turn(world: World) -> None:
    world.telephone.script = lambda _, __: ANSWERED
    batch_id = await world.a_batch(4, rules=A_CALL_EVERY_TEN_SECONDS)

    assert await (await world.start(batch_id)).result() == "completed"

    at = _asked_at(world, batch_id)
    # The clock stands still in an activity, so a dial that came early for its turn seems to be early.
    assert min(later - earlier for earlier, later in pairwise(at)) >= TEN_SECONDS - COMES_EARLY
    assert {each.status for each in world.contacts(batch_id)} == {ContactStatus.COMPLETED}
    ((_, next_dial_at),) = world.tables.dial_turns.values()
    assert next_dial_at == at[0] + 4 * TEN_SECONDS
    assert sorted(await _dials_of(world, batch_id)) == [1, 2, 2, 2]


async def test_call_without_a_limit_is_asked_for_once(world: World) -> None:
    world.telephone.script = lambda _, __: ANSWERED
    batch_id = await world.a_batch(2)

    assert await (await world.start(batch_id)).result() == "completed"

    assert (await _dials_of(world, batch_id), world.tables.dial_turns) == ([1, 1], {})
