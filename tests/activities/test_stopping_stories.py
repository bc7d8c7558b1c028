"""Contacts skipped with their batch: their workflows are woken page by page, so that they end."""

import pytest

from activities.messages import StopContacts, StoppedContacts
from domain.contact import ContactStatus, SkipReason
from domain.errors import EngineUnavailable
from domain.identity import ContactId
from tests.activities.world import World
from tests.builders import BATCH_ID


def a_cancelled_batch(*positions: int) -> World:
    """The world after a cancel: contacts at these positions were called before."""
    world = World()
    for position in positions:
        skipped = world.add(position, ContactStatus.SKIPPED, skip_reason=SkipReason.BATCH_CANCELLED)
        world.add_call(skipped)
    return world


async def stop(world: World, *, after_position: int = 0, limit: int = 2) -> StoppedContacts:
    """Wake the next contacts."""
    request = StopContacts(batch_id=BATCH_ID, after_position=after_position, limit=limit)
    return await world.run(world.of_contacts.stop_stories, request)


@pytest.mark.parametrize(
    ("positions", "pages"),
    [
        pytest.param((), [[]], id="nobody"),
        pytest.param((2,), [["con_2"]], id="less than a page"),
        pytest.param((2, 5), [["con_2", "con_5"], []], id="just a page"),
        pytest.param((2, 5, 9), [["con_2", "con_5"], ["con_9"]], id="a page and one"),
        pytest.param((2, 5, 6, 9), [["con_2", "con_5"], ["con_6", "con_9"], []], id="two pages"),
    ],
)
async def test_every_story_is_stopped_once_page_by_page(
    positions: tuple[int, ...], pages: list[list[str]]
) -> None:
    world = a_cancelled_batch(*positions)
    position: int | None = 0

    while position is not None:
        position = (await stop(world, after_position=position)).next_position

    assert world.directory.stopped == [(BATCH_ID, tuple(ContactId(each) for each in page)) for page in pages]


async def test_full_page_says_where_the_next_begins_and_the_last_says_that_none_is_left() -> None:
    world = a_cancelled_batch(2, 5, 9)

    first, last = await stop(world), await stop(world, after_position=5)

    assert (first, last) == (StoppedContacts(5), StoppedContacts(None))


async def test_contacts_that_have_no_story_or_go_on_are_not_woken() -> None:
    world = a_cancelled_batch(2)
    world.add(3, ContactStatus.SKIPPED, skip_reason=SkipReason.BATCH_CANCELLED)
    world.add_call(world.add(4, ContactStatus.IN_PROGRESS))
    world.add_call(world.add(5, ContactStatus.BUSY))

    await stop(world, limit=10)

    assert world.directory.stopped == [(BATCH_ID, (ContactId("con_2"),))]


async def test_page_that_could_not_be_stopped_is_stopped_by_the_rerun() -> None:
    world = a_cancelled_batch(2)
    world.directory.is_down = True
    with pytest.raises(EngineUnavailable):
        await stop(world)
    world.directory.is_down = False

    assert await stop(world) == StoppedContacts(None)
    assert world.directory.stopped == [(BATCH_ID, (ContactId("con_2"),))]
