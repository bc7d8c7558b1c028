"""An older Postgres beside an empty Temporal: what becomes of batches, as docs/backup.md says."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from tests.e2e.scenes import a_batch, a_campaign, ahead, answering_numbers, busy_number
from tests.e2e.world import World, a_plan, a_world

pytestmark = [pytest.mark.e2e, pytest.mark.server, pytest.mark.timeout(300)]

ENGINE = "temporal"
AN_HOUR, AT_ONCE = ({"max_retries": 10, "cooldown_minutes": minutes} for minutes in (60, 0.01))


@dataclass
class Story:
    """Three batches and their people, whose calls were seen on two days."""

    folder: Path
    rings: list[tuple[str, str]] = field(default_factory=list)
    """Number and execution of every call that went out to a phone, on any day of any history."""
    ids: dict[str, str] = field(default_factory=dict)
    """Batches and campaigns by name."""
    sleeper: str = field(default_factory=busy_number)
    patient: tuple[str, ...] = field(default_factory=answering_numbers)
    """They are called today, and were not yesterday."""
    late: str = field(default_factory=busy_number)

    @contextmanager
    def day(self, name: str) -> Iterator[World]:
        """Run the stack on the data of a day, and remember whom it rang."""
        with a_world(a_plan(self.folder / name)) as world:
            yield world
            self.rings += [(ring["to"], ring["execution_id"]) for ring in world.rings()]

    def keep(self, day: str, name: str) -> None:
        """Copy what a stopped stack left behind."""
        copy(self.folder / day, self.folder / name)

    def restore(self, name: str, *, rows: str) -> None:
        """Restore Postgres of a day, beside an empty Temporal."""
        self.keep(rows, name)
        shutil.rmtree(self.folder / name / ENGINE)


def copy(source: Path, target: Path) -> None:
    """Copy a folder with its owners, for the database server is another user's under root."""
    subprocess.run(["cp", "-a", str(source), str(target)], check=True, timeout=60)  # noqa: S603, S607


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    """A history of two days, of which `yesterday` is what was backed up."""
    folder = Path(tempfile.mkdtemp(prefix="apollo-e2e-")).resolve()
    folder.chmod(0o755)  # under root the database server runs as another user
    try:
        told = Story(folder)
        live_yesterday(told)
        told.keep("present", "yesterday")
        live_today(told)
        yield told
    finally:
        shutil.rmtree(folder)


def live_yesterday(story: Story) -> None:
    """One batch sleeps after a busy line, another begins in an hour."""
    with story.day("present") as world:
        campaign = story.ids["campaign"] = a_campaign(world, retry_policy=AN_HOUR)
        story.ids["asleep"] = a_batch(world, campaign, [story.sleeper])
        story.ids["planned"] = a_batch(world, campaign, story.patient, scheduled_start=ahead(hours=1))
        calls_once_asleep(world, story.ids["asleep"])


def live_today(story: Story) -> None:
    """The sleeper is called again, the planned batch is called to its end, and a new one sleeps too."""
    with story.day("present") as world:
        call_again(world, story, "asleep")
        world.api.act("batches", story.ids["planned"], "dispatch", now="true")
        world.wait_for_end(story.ids["planned"])
        world.wait_for(lambda: world.is_closed(f"batch/{story.ids['planned']}"))
        story.ids["new"] = a_batch(world, story.ids["campaign"], [story.late])
        calls_once_asleep(world, story.ids["new"])


def calls_once_asleep(world: World, batch_id: str) -> int:
    """Wait until the batch's one contact sleeps for long, and return how many calls it was given."""

    def is_asleep() -> bool:
        [contact] = world.contacts(batch_id)
        return contact["status"] == "retrying" and str(contact["next_retry_at"]) > ahead(minutes=30)

    world.wait_for(is_asleep, 40)
    return calls(world, batch_id)


def calls(world: World, batch_id: str) -> int:
    [contact] = world.contacts(batch_id)
    return len(cast(Sequence[object], contact["call_records"]))


def call_again(world: World, story: Story, *names: str) -> None:
    """Have the one contact of each batch called again, and wait until it sleeps for long."""
    before = {name: calls(world, story.ids[name]) for name in names}
    world.api.change_campaign(story.ids["campaign"], {"retry_policy": AT_ONCE})
    for name in names:
        world.wait_for(lambda name=name: calls(world, story.ids[name]) > before[name], 60)  # type: ignore[misc]
    world.api.change_campaign(story.ids["campaign"], {"retry_policy": AN_HOUR})
    for name in names:
        calls_once_asleep(world, story.ids[name])


def test_rows_of_yesterday_beside_an_empty_temporal_call_again_whom_they_forgot_and_go_on(
    story: Story,
) -> None:
    story.restore("restored", rows="yesterday")
    before = len(story.rings)
    with story.day("restored") as world:
        world.api.act("batches", story.ids["asleep"], "dispatch")
        world.api.act("batches", story.ids["planned"], "dispatch", now="true")
        world.wait_for_end(story.ids["planned"])
        call_again(world, story, "asleep")
        forgotten = world.ask("GET", f"/batches/{story.ids['new']}").status_code

    since = [number for number, _ in story.rings[before:]]
    assert forgotten == 404
    assert {*since} == {story.sleeper, *story.patient}
    assert all(since.count(number) == 1 for number in story.patient)
    assert len({execution_id for _, execution_id in story.rings}) == len(story.rings)
