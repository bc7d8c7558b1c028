"""Who is called next for the first time: by position, and only where the window is open."""

from datetime import date, datetime, timedelta

import pytest

from activities.messages import FreshContact, FreshPage, NextContacts
from domain.batch import BatchOverrides
from domain.contact import ContactStatus
from domain.identity import BatchId, ContactId, ExecutionId
from tests.activities.scene import Scene, a_dialled_call
from tests.builders import BATCH_ID, MONDAY_NOON, a_batch, a_campaign, a_campaign_rules, a_dial_brief
from tests.domain.calling_hours import a_week, in_zone

# At Monday noon UTC it is 14:00 in Paris, 21:00 in Tokyo, 05:00 in Los Angeles.
PARIS, TOKYO, LOS_ANGELES = "Europe/Paris", "Asia/Tokyo", "America/Los_Angeles"
OPENS_IN_LOS_ANGELES = in_zone(LOS_ANGELES, "2026-09-07T09:00")
OPENS_IN_TOKYO = in_zone(TOKYO, "2026-09-08T09:00")
IN_A_MOMENT = MONDAY_NOON + timedelta(seconds=5)
OFFICE = {"working_hours_enforced": True, "timezone": PARIS, "working_hours": a_week("09:00-18:00")}


def a_scene(
    zones: tuple[str | None, ...],
    *,
    overrides: BatchOverrides | None = None,
    rules: dict[str, object] | None = None,
    scheduled_end: datetime | None = None,
) -> Scene:
    """The scene with one pending contact for each zone, from position 1; hours are 09:00-18:00 in Paris."""
    campaign = a_campaign(rules=a_campaign_rules(**OFFICE | (rules or {})))
    batch = a_batch(overrides=overrides or BatchOverrides(), scheduled_end=scheduled_end)
    scene = Scene(a_dial_brief(campaign=campaign, batch=batch))
    for position, zone in enumerate(zones, start=1):
        scene.add(position, ContactStatus.PENDING, timezone=zone)
    return scene


async def the_page(scene: Scene, *, after_position: int = 0, limit: int = 10) -> FreshPage:
    """Ask for the next contacts."""
    request = NextContacts(batch_id=BATCH_ID, after_position=after_position, limit=limit)
    return await scene.run(scene.of_batches.next_contacts, request)


def a_page(
    *positions: int, opens_at: datetime | None = None, busy: int = 0, last_position: int | None = None
) -> FreshPage:
    """The contacts at these positions; the last of them is the last one looked at, unless told otherwise."""
    return FreshPage(
        contacts=[FreshContact(f"con_{position}", position) for position in positions],
        opens_at=opens_at,
        busy=busy,
        last_position=max(positions, default=0) if last_position is None else last_position,
    )


def number_of(position: int) -> str:
    """A number of their own for the contact at a position."""
    return f"+1415{position:07}"


def a_crowd(scene: Scene, *on_the_phone: int, count: int = 5) -> Scene:
    """Give every contact of the scene a number of their own; some are talking, in another batch."""
    for position in range(1, count + 1):
        scene.add(position, ContactStatus.PENDING, phone_number=number_of(position))
    for position in on_the_phone:
        execution_id = ExecutionId(f"exec_elsewhere_{position}")
        scene.tables.calls[execution_id] = a_dialled_call(
            execution_id=execution_id,
            contact_id=ContactId(f"con_elsewhere_{position}"),
            batch_id=BatchId("btc_elsewhere"),
            to_number=number_of(position),
        )
    return scene


async def test_next_contacts_are_the_pending_ones_behind_a_position() -> None:
    scene = a_scene((None, None))
    scene.add(3, ContactStatus.SKIPPED)
    scene.add(4, ContactStatus.RETRYING)
    scene.add(5, ContactStatus.PENDING)
    scene.add(6, ContactStatus.PENDING)

    assert await the_page(scene, after_position=1, limit=2) == a_page(2, 5)


async def test_batch_without_pending_contacts_has_an_empty_page_and_waits_for_no_window() -> None:
    scene = a_scene(())
    scene.tables.contacts.clear()
    scene.add(1, ContactStatus.RETRYING, timezone=TOKYO)

    assert await the_page(scene) == a_page()


@pytest.mark.parametrize(
    ("zones", "page"),
    [
        pytest.param((None, PARIS, None, PARIS), a_page(1, 2, 3, 4), id="all open"),
        pytest.param(
            (TOKYO, None, TOKYO, PARIS), a_page(2, 4, opens_at=OPENS_IN_TOKYO), id="one zone closed"
        ),
        pytest.param(
            (TOKYO, LOS_ANGELES, None, PARIS),
            a_page(3, 4, opens_at=OPENS_IN_LOS_ANGELES),
            id="the first of two openings",
        ),
        pytest.param(
            (TOKYO, LOS_ANGELES, TOKYO, LOS_ANGELES), a_page(opens_at=OPENS_IN_LOS_ANGELES), id="all closed"
        ),
        pytest.param(
            ("Mars/Olympus", None, LOS_ANGELES, "Mars/Olympus"),
            a_page(2, opens_at=OPENS_IN_LOS_ANGELES),
            id="a zone nobody knows is closed",
        ),
        pytest.param(
            ("Mars/Olympus", None, None, None), a_page(2, 3, 4), id="a zone nobody knows never opens"
        ),
    ],
)
async def test_contacts_of_closed_zones_are_left_out_and_the_first_opening_is_named(
    zones: tuple[str | None, ...], page: FreshPage
) -> None:
    assert await the_page(a_scene(zones)) == page


async def test_closed_zone_does_not_use_up_the_page() -> None:
    scene = a_scene((TOKYO, TOKYO, None, TOKYO, None))

    assert await the_page(scene, limit=2) == a_page(3, 5, opens_at=OPENS_IN_TOKYO)


async def test_contact_that_was_left_out_is_found_from_the_start_once_its_window_opens() -> None:
    scene = a_scene((TOKYO, None))
    page = await the_page(scene)
    assert page.opens_at is not None

    scene.clock.now = page.opens_at

    # 09:00 in Tokyo is 02:00 in Paris.
    assert await the_page(scene) == a_page(1, opens_at=in_zone(PARIS, "2026-09-08T09:00"))


@pytest.mark.parametrize(
    ("zone", "rules", "overrides", "page"),
    [
        pytest.param(
            None, {"timezone": TOKYO}, BatchOverrides(), a_page(opens_at=OPENS_IN_TOKYO), id="campaign's zone"
        ),
        pytest.param(
            None,
            {},
            BatchOverrides(timezone=TOKYO),
            a_page(opens_at=OPENS_IN_TOKYO),
            id="batch's before the campaign's",
        ),
        pytest.param(
            PARIS,
            {"timezone": TOKYO},
            BatchOverrides(timezone=TOKYO),
            a_page(1),
            id="contact's before the batch's",
        ),
        pytest.param(
            TOKYO, {"working_hours_enforced": False}, BatchOverrides(), a_page(1), id="hours not enforced"
        ),
        pytest.param(
            TOKYO,
            {},
            BatchOverrides(working_hours_enforced=False),
            a_page(1),
            id="hours not enforced by the batch",
        ),
        pytest.param(
            None,
            {},
            BatchOverrides(working_hours=a_week("15:00-16:00")),
            a_page(opens_at=in_zone(PARIS, "2026-09-07T15:00")),
            id="batch's hours before the campaign's",
        ),
        pytest.param(
            PARIS,
            {"working_hours_enforced": False, "blackout_dates": (date(2026, 9, 7),)},
            BatchOverrides(),
            a_page(opens_at=in_zone(PARIS, "2026-09-08T00:00")),
            id="blackout date without enforced hours",
        ),
        pytest.param(None, {"working_hours": a_week("")}, BatchOverrides(), a_page(), id="closed for ever"),
    ],
)
async def test_hours_of_a_fresh_contact_are_those_in_force(
    zone: str | None, rules: dict[str, object], overrides: BatchOverrides, page: FreshPage
) -> None:
    scene = a_scene((zone,), overrides=overrides, rules=rules)

    assert await the_page(scene) == page


@pytest.mark.parametrize(
    ("scheduled_end", "opens_at"),
    [
        pytest.param(
            OPENS_IN_TOKYO + timedelta.resolution, OPENS_IN_TOKYO, id="opens an instant before the end"
        ),
        pytest.param(OPENS_IN_TOKYO, None, id="opens at the end"),
        pytest.param(MONDAY_NOON + timedelta(hours=1), None, id="opens after the end"),
    ],
)
async def test_nobody_waits_for_a_window_that_opens_when_the_batch_is_over(
    scheduled_end: datetime, opens_at: datetime | None
) -> None:
    scene = a_scene((TOKYO, None), scheduled_end=scheduled_end)

    assert await the_page(scene) == a_page(2, opens_at=opens_at)


@pytest.mark.parametrize(
    ("on_the_phone", "limit", "page"),
    [
        pytest.param((), 10, a_page(1, 2, 3, 4, 5), id="nobody"),
        pytest.param((2, 4), 10, a_page(1, 3, 5, opens_at=IN_A_MOMENT, busy=2), id="two between others"),
        pytest.param(
            (4, 5), 10, a_page(1, 2, 3, opens_at=IN_A_MOMENT, busy=2, last_position=5), id="the last two"
        ),
        pytest.param(
            (1, 2, 3), 3, a_page(opens_at=IN_A_MOMENT, busy=3, last_position=3), id="a whole page of them"
        ),
        pytest.param((5,), 3, a_page(1, 2, 3), id="somebody behind the page"),
    ],
)
async def test_contacts_whose_numbers_are_on_the_phone_are_left_out_for_a_moment(
    on_the_phone: tuple[int, ...], limit: int, page: FreshPage
) -> None:
    scene = a_crowd(a_scene(()), *on_the_phone)

    assert await the_page(scene, limit=limit) == page


async def test_busy_number_is_looked_at_again_before_a_far_window_opens() -> None:
    scene = a_crowd(a_scene(()), 1, count=1)
    scene.add(2, ContactStatus.PENDING, timezone=TOKYO)

    assert await the_page(scene) == a_page(opens_at=IN_A_MOMENT, busy=1, last_position=1)


async def test_number_that_is_free_again_is_read_from_the_start() -> None:
    scene = a_crowd(a_scene(()), 2)
    scene.tables.calls.clear()

    assert await the_page(scene) == a_page(1, 2, 3, 4, 5)
