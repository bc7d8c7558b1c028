"""The web console as people use it: a real browser over a whole stack."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.visitor import Theme, Visitor
from tests.e2e.world import World, a_contacts_file

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "build" / "pictures"
PEOPLE = ROOT / "examples" / "demo.csv"


def a_campaign(world: World, **fields: object) -> str:
    """Keep a campaign whose redials come at once."""
    rules = {
        "name": "Check-ups",
        "agent_id": "agent_test",
        "phone_numbers": ["+14155550180"],
        "retry_policy": {"max_retries": 1, "cooldown_minutes": 0.02},
        **fields,
    }
    return str(world.api.create_campaign(rules)["campaign_id"])


def a_batch(world: World, *numbers: str, **fields: object) -> str:
    """Start a batch."""
    told = {"campaign_id": a_campaign(world), **fields}
    return str(world.api.create_batch(told, a_contacts_file(numbers))["batch_id"])


def test_newcomer_drops_a_file_watches_it_to_its_end_and_learns_why_one_was_not_reached(
    visitor: Visitor,
) -> None:
    page = visitor.page
    visitor.sees("Make the first one")
    page.get_by_role("link", name="New campaign").click()
    page.get_by_label("Name", exact=True).fill("First calls")
    page.get_by_label("Agent", exact=True).fill("agent_demo")
    page.get_by_label("Shown numbers").fill("+14155550180")
    page.get_by_label("Retries at most").fill("21")
    page.get_by_label("Cooldown in minutes").fill("0.02")
    visitor.presses("Make the campaign")
    expect(page.locator("[id='wrong-retry_policy.max_retries']")).to_contain_text("20")
    page.get_by_label("Retries at most").fill("1")
    visitor.presses("Make the campaign")
    visitor.sees("The campaign is made.")

    page.get_by_role("link", name="New batch").last.click()
    page.get_by_label("Contacts").set_input_files(PEOPLE)
    visitor.sees("demo.csv")
    visitor.presses("Check the file")
    visitor.sees("What it would do")
    visitor.presses("Start calling")
    visitor.sees("25 contacts are called.")
    visitor.sees_status("completed")
    expect(page.get_by_text("of 25", exact=True)).to_be_visible()

    page.get_by_role("link", name="Retries spent").click()
    page.locator("table a").first.click()
    visitor.sees("every retry is spent (1)")
    visitor.sees("Attempt 2 (retry)")
    # The browser tells of the form that was refused, and of nothing else.
    assert [each for each in visitor.complaints if "status of 422" not in each] == []


@pytest.fixture(scope="module")
def done(world: World) -> Mapping[str, str]:
    """A batch that is over, one that waits, and a contact of each."""
    over = a_batch(world, "+14155550131", "+14155550101", "+14155550113", name="Done")
    world.wait_for_end(over)
    ahead = a_batch(world, "+14155550132", name="Ahead", scheduled_start="2099-01-01T09:00:00Z")
    batch = world.api.batch(over)
    return {
        "over": over,
        "ahead": ahead,
        "campaign": str(batch["campaign_id"]),
        "reached": str(world.contacts(over)[0]["contact_id"]),
        "waiting": str(world.contacts(ahead)[0]["contact_id"]),
    }


LOOKS: tuple[tuple[int, Theme], ...] = ((390, "light"), (390, "dark"), (1920, "light"), (1920, "dark"))
CHECKED = LOOKS[0], LOOKS[3]
"""Both sizes and both themes, for axe takes its time."""


def pages_of(done: Mapping[str, str]) -> dict[str, str]:
    """Return every page by the name of its picture."""
    return {
        "overview": "/",
        "batch": f"/batches/{done['over']}",
        "batch-ahead": f"/batches/{done['ahead']}",
        "contacts": f"/batches/{done['over']}/contacts",
        "contact": f"/batches/{done['over']}/contacts/{done['reached']}",
        "contact-waiting": f"/batches/{done['ahead']}/contacts/{done['waiting']}",
        "new-batch": "/batches/new",
        "campaign": f"/campaigns/{done['campaign']}",
        "new-campaign": "/campaigns/new",
        "campaigns": "/campaigns",
        "suppressions": "/suppressions",
    }


def test_every_page_fits_both_screens_in_both_themes_and_keeps_nobody_out(
    visitor: Visitor, done: Mapping[str, str]
) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    found = {}
    for name, path in pages_of(done).items():
        visitor.opens(path)
        for width, theme in LOOKS:
            visitor.looks_at(width, theme)
            is_checked = (width, theme) in CHECKED
            visitor.page.screenshot(path=PICTURES / f"{name}-{theme}-{width}.png", full_page=is_checked)
            barriers = visitor.barriers() if is_checked else []
            found[name, width, theme] = (visitor.width_that_does_not_fit(), barriers)

    assert found == dict.fromkeys(found, (0, []))
    assert visitor.complaints == []


def test_wrong_token_is_refused_and_the_page_to_enter_it_keeps_nobody_out(
    browser: Browser, world: World
) -> None:
    with Visitor.arrives(browser, world) as visitor:
        visitor.signs_in("gat_wrong")
        visitor.sees("This token is not valid.")
        barriers = [visitor.looks_at(*look).barriers() for look in CHECKED]

    assert barriers == [[], []]


def test_batch_is_paused_resumed_and_cancelled_once_it_was_asked_again(
    visitor: Visitor, world: World
) -> None:
    batch_id = a_batch(world, "+14155550133", scheduled_start="2099-01-01T09:00:00Z")
    visitor.opens(f"/batches/{batch_id}")
    visitor.sees_status("pending")
    visitor.presses("Pause")
    visitor.sees("Batch paused successfully")
    visitor.sees_status("paused")
    visitor.presses("Resume")
    visitor.sees_status("pending")
    visitor.page.get_by_text("Cancel …").click()
    visitor.presses("Yes, cancel this batch")

    visitor.sees_status("cancelled")
    assert world.api.batch(batch_id)["status"] == "cancelled"
    assert visitor.complaints == []


def test_batch_that_waits_for_its_start_is_started_by_the_button_beside_the_tip(
    visitor: Visitor, world: World
) -> None:
    batch_id = a_batch(world, "+14155550134", scheduled_start="2099-01-01T09:00:00Z")
    visitor.opens(f"/batches/{batch_id}")
    visitor.page.locator("#remedy").click()

    visitor.sees_status("completed")


def test_keyboard_alone_reaches_the_content_and_the_form(visitor: Visitor) -> None:
    visitor.opens("/batches/new")
    visitor.page.keyboard.press("Tab")
    expect(visitor.page.get_by_role("link", name="To the content")).to_be_focused()
    visitor.page.keyboard.press("Enter")
    visitor.page.keyboard.press("Tab")

    expect(visitor.page.get_by_label("Campaign", exact=True)).to_be_focused()


def test_focus_and_what_was_opened_stay_while_the_page_changes_under_them(
    visitor: Visitor, world: World
) -> None:
    batch_id = a_batch(world, "+14155550137", scheduled_start="2099-01-01T09:00:00Z")
    visitor.opens(f"/batches/{batch_id}")
    asking = visitor.page.get_by_text("Cancel …")
    asking.focus()
    visitor.page.keyboard.press("Enter")
    world.api.act("batches", batch_id, "pause")
    visitor.sees_status("paused")

    expect(asking).to_be_focused()
    expect(visitor.page.get_by_role("button", name="Yes, cancel this batch")).to_be_visible()


def test_chosen_theme_wins_over_the_systems(visitor: Visitor) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    light = visitor.page.evaluate(ground)
    visitor.page.get_by_label("Colours").select_option("dark")
    visitor.presses("Set")

    expect(visitor.page.locator("html")).to_have_attribute("data-theme", "dark")
    assert visitor.page.evaluate(ground) != light


def test_token_is_out_of_reach_of_scripts(visitor: Visitor, world: World) -> None:
    visitor.opens("/")

    assert visitor.page.evaluate("document.cookie") == ""
    assert visitor.page.evaluate("JSON.stringify([localStorage, sessionStorage])") == "[{},{}]"
    assert world.stack.token not in visitor.page.content()


def mend(world: World, is_whole: Callable[[], bool]) -> None:
    """Let the stack start again what was killed, until the page shows it."""
    end = time.monotonic() + 40
    while not is_whole():
        assert time.monotonic() < end
        world.stack.pause(0.5)


def test_lost_connection_is_said_keeps_the_last_numbers_and_ends_by_itself(
    visitor: Visitor, world: World
) -> None:
    batch_id = a_batch(world, "+14155550135", scheduled_start="2099-01-01T09:00:00Z")
    visitor.opens(f"/batches/{batch_id}")
    banner = visitor.page.locator("#connection")
    world.kill("api")

    expect(banner).to_contain_text("No connection to Apollo. These numbers are from", timeout=30_000)
    visitor.sees_status("pending")
    expect(visitor.page.locator("body")).to_have_class("old")
    assert visitor.barriers() == []
    mend(world, banner.is_hidden)


def test_temporal_that_is_away_is_said_with_a_tip_and_the_page_finds_back_by_itself(
    visitor: Visitor, world: World
) -> None:
    batch_id = a_batch(world, "+14155550136", scheduled_start="2099-01-01T09:00:00Z")
    visitor.opens(f"/batches/{batch_id}")
    visitor.sees("scheduled")
    world.kill("temporal")

    visitor.sees("temporal down", seconds=30)
    mend(world, visitor.page.get_by_text("temporal down").is_hidden)
    visitor.sees("scheduled", seconds=30)


def test_worker_that_is_down_is_said_with_its_tip_and_the_page_finds_back_by_itself(
    visitor: Visitor, world: World
) -> None:
    batch_id = a_batch(world, "+14155550151", keep_open="true")
    visitor.opens(f"/batches/{batch_id}")
    visitor.sees("healthy")
    with world.frozen("worker"):
        # A Temporal that has just started knows of nobody who asked for work, and need not wait for silence.
        world.kill("temporal")
        mend(world, visitor.page.get_by_text("worker down", exact=True).is_visible)
        expect(visitor.page.get_by_text("Start the worker")).to_be_visible()
        expect(visitor.page.locator("#remedy")).to_have_text("Dispatch")
        expect(visitor.page.locator("#connection")).to_be_hidden()

    visitor.sees("healthy", seconds=30)


def test_change_is_seen_at_once_though_the_page_itself_asks_rarely(visitor: Visitor, world: World) -> None:
    batch_id = a_batch(world, "+14155550138", scheduled_start="2099-01-01T09:00:00Z")
    # What the page asks for when its stream opens; the next time by itself is five seconds later.
    with visitor.page.expect_request(lambda asked: "x-live" in asked.headers):
        visitor.opens(f"/batches/{batch_id}")
    world.api.act("batches", batch_id, "pause")

    visitor.sees_status("paused", seconds=3)
    assert visitor.complaints == []


def test_file_is_dropped_on_a_batch_and_its_people_are_called_again_until_it_is_deleted(
    visitor: Visitor, world: World
) -> None:
    batch_id = a_batch(world, "+14155550101", keep_open="true")
    visitor.opens(f"/batches/{batch_id}")
    visitor.page.locator("#file").set_input_files(
        {"name": "more.csv", "mimeType": "text/csv", "buffer": b"phone_number\n+14155550139\n"}
    )
    visitor.presses("Add them")
    visitor.sees("1 contacts are added.")
    visitor.presses("Close when all are done")
    visitor.sees_status("completed")
    visitor.presses("Call them again in a new batch")
    visitor.sees("1 contacts are called again, in this new batch.")
    visitor.sees_status("completed")
    visitor.opens(f"/batches/{batch_id}")
    visitor.page.get_by_text("Delete …").click()
    visitor.presses("Yes, delete this batch")

    visitor.sees("The batch is deleted.")
    assert world.ask("GET", f"/batches/{batch_id}").status_code == 404
    assert visitor.complaints == []
