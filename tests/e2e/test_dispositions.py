"""Thirty people whose calls tell who answered and what came of them, in both dialects, the worker killed.

In the neutral contract webhooks tell it; in Jambonz' its answering-machine events and the agent's reports.
"""

import csv
import io
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tests.e2e.world import World, a_plan, a_world

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

PEOPLE = 30
NUMBERS = range(13, 23)
TOKEN = "gat_e2e_dispositions_0123456789abcdef"
RULES = [
    {"disposition": "wrong_number", "then": "suppress"},
    {"disposition": "callback", "then": "follow_up"},
    {"disposition": "promised", "then": "follow_up", "after_minutes": 0.02},
    {"disposition": "refused", "then": "retry", "after_minutes": 0.02},
]
Json = dict[str, Any]
ACCOUNT, SID = "acc-1", "11111111-2222-3333-4444-555555555555"


@dataclass(frozen=True)
class Course:
    """What becomes of everybody with one number, under the rules above and one retry."""

    status: str
    retries: int = 0
    follow_ups: int = 0
    answered_by: tuple[str | None, ...] = (None,)
    """Of each call, one after the other."""
    dispositions: tuple[str | None, ...] = (None,)


MACHINES = Course("max_retries_reached", 1, 0, ("machine", "machine"), (None, None))
COURSES: Mapping[int, Course] = {
    13: MACHINES,
    14: replace(MACHINES, answered_by=("fax", "fax")),
    15: MACHINES,
    16: Course("completed", answered_by=("human",)),
    17: Course("completed", answered_by=("unknown",)),
    18: MACHINES,
    19: Course("completed", dispositions=("wrong_number",)),
    20: Course("completed", 0, 1, (None, None), ("callback", None)),
    22: Course("completed", 1, 0, (None, None), ("refused", "refused")),
}
ENDS_AFTER_A_CUT = ("completed", "max_retries_reached")
LATE = Course("completed", 0, 1, (None, None), ("promised", "promised"))


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    folder = Path(tempfile.mkdtemp(prefix="apollo-e2e-")).resolve()
    try:
        plan = a_plan(folder, environment={"AGENT_TOKEN": TOKEN})
        settings = plan.settings.model_copy(update={"bootstrap_token": SecretStr(TOKEN)})
        agent = ("--agent-api-url", plan.api_url, "--agent-token-from", "AGENT_TOKEN")
        with a_world(replace(plan, settings=settings, simulator_arguments=agent)) as world:
            yield world
    finally:
        shutil.rmtree(folder)


def speaks_jambonz(world: World) -> None:
    """Put a worker in place of the one that runs, which reaches the same phones by Jambonz' contract."""
    assert world.stack.parts is not None
    worker = world.stack.parts.worker()
    account = {
        "APOLLO_PROVIDER": "jambonz",
        "APOLLO_JAMBONZ_BASE_URL": world.stack.plan.simulator_url,
        "APOLLO_JAMBONZ_ACCOUNT_SID": ACCOUNT,
        "APOLLO_JAMBONZ_API_KEY": "key",
        "APOLLO_JAMBONZ_APPLICATION_SID": SID,
        "APOLLO_JAMBONZ_AMD": "true",
        "APOLLO_PROVIDER_REQUESTS_PER_SECOND": "200",
    }
    world.start(replace(worker, environment={**worker.environment, **account}))


def a_batch(world: World, area: int) -> str:
    """Start a batch of thirty, three to each number; the last one keeps it open for what comes late."""
    people = [f"+1{area}5{index:02}01{NUMBERS[index % 10]:02}" for index in range(PEOPLE)]
    retries = {
        "max_retries": 1,
        "cooldown_minutes": 0.02,
        "retry_on": ["busy", "no_answer", "failed", "voicemail"],
    }
    campaign = world.api.create_campaign(
        {
            "name": "dispositions",
            "agent_id": "agent_test",
            "phone_numbers": ["+14155550180"],
            "retry_policy": retries,
            "disposition_rules": RULES,
        }
    )
    contacts = [{"phone_number": number} for number in people]
    body: Json = {"campaign_id": campaign["campaign_id"], "concurrency_limit": 8, "contacts": contacts}
    created = world.ask("POST", "/batches/", body)
    assert created.status_code == 201, created.text
    return str(created.json()["batch_id"])


def people_of(world: World, batch_id: str) -> list[Json]:
    """Return the contacts with all their calls."""
    return [dict(each) for each in world.contacts(batch_id)]


def calls_of(contact: Json) -> list[Json]:
    """Return the calls that rang, without a dial that the kill cut.

    The simulator's own look-up proves that it called nobody; Jambonz' proves nothing.
    """
    return [each for each in contact["call_records"] if each["call_status"] not in ("failed", "unknown")]


def course_of(contact: Json) -> Course:
    calls = calls_of(contact)
    return Course(
        contact["status"],
        contact["retry_count"],
        contact["follow_up_count"],
        tuple(each["answered_by"] for each in calls),
        tuple(each["disposition"] for each in calls),
    )


def kill_the_worker(world: World, batch_id: str, seed: int) -> None:
    """Kill the worker at a random moment of the batch, which the seed decides."""
    draw = random.Random(seed)
    share, moment = draw.uniform(0.05, 0.6), draw.uniform(0, 0.5)
    sys.stderr.write(f"seed {seed}: the worker dies {moment:.2f} s after {share:.0%} are done\n")
    world.wait_for(lambda: world.finished(batch_id) >= share * PEOPLE, 60)
    time.sleep(moment)
    world.kill("worker")


@pytest.mark.parametrize("dialect", ["neutral", "jambonz"])
def test_thirty_people_end_as_the_rules_say_although_the_worker_is_killed(world: World, dialect: str) -> None:
    seed = int(os.environ.get("APOLLO_E2E_SEED", "0")) or random.randrange(1, 10_000)
    is_native = dialect == "jambonz"
    if is_native:
        world.kill("worker")
        speaks_jambonz(world)
    batch_id = a_batch(world, 628 if is_native else 415)

    kill_the_worker(world, batch_id, seed)
    speaks_jambonz(world) if is_native else world.start_worker()
    world.wait_for_end(batch_id, 150)

    contacts = people_of(world, batch_id)
    assert len(contacts) == PEOPLE
    for contact in contacts:
        number = int(contact["phone_number"][-2:])
        if calls_of(contact) != contact["call_records"]:
            assert_cut(contact, as_told(COURSES.get(number, LATE), is_native=is_native))
        elif number == 21:
            assert_late(contact)
        else:
            assert course_of(contact) == as_told(COURSES[number], is_native=is_native), number
    check_suppressions(world, contacts)
    check_numbers(world, batch_id, contacts)
    check_export(world, batch_id)
    check_ledger(world, contacts)


def as_told(course: Course, *, is_native: bool) -> Course:
    """Jambonz knows no faxes."""
    if not is_native:
        return course
    known = tuple("machine" if each == "fax" else each for each in course.answered_by)
    return replace(course, answered_by=known)


def assert_cut(contact: Json, course: Course) -> None:
    """A dial that was cut has spent a retry, so the course may end earlier.

    One that nobody can account for ends it, for the phone may have rung.
    """
    found = course_of(contact)
    is_unknown = contact["call_records"][-1]["call_status"] == "unknown"
    assert contact["status"] == "failed" if is_unknown else contact["status"] in ENDS_AFTER_A_CUT
    told = set(zip(found.answered_by, found.dispositions, strict=True))
    assert told <= {*zip(course.answered_by, course.dispositions, strict=True), (None, None)}


def assert_late(contact: Json) -> None:
    """Five seconds after the end the batch may be over, and then nothing follows but the record."""
    course = course_of(contact)
    assert course.status == "completed"
    assert course.retries == 0
    assert course in (LATE, replace(LATE, dispositions=("promised", None)), *_unanswered_late())


def _unanswered_late() -> list[Course]:
    return [Course("completed", 0, 0, (None,), (told,)) for told in (None, "promised")]


def check_suppressions(world: World, contacts: list[Json]) -> None:
    listed = world.ask("GET", "/suppressions?limit=1000").json()
    wrong = {each["phone_number"] for each in contacts if each["phone_number"].endswith("19")}
    reasons = {each["phone_number"]: each["reason"] for each in listed if each["phone_number"] in wrong}
    assert reasons == dict.fromkeys(wrong, "disposition:wrong_number")


def check_numbers(world: World, batch_id: str, contacts: list[Json]) -> None:
    """Stats and debug count what the records tell, once no report is on its way any more."""
    campaign_id = contacts[0]["campaign_id"]
    time.sleep(6)  # the last report comes five seconds after its call
    calls = [call for contact in people_of(world, batch_id) for call in contact["call_records"]]
    told: dict[str, Any] = {
        "answered_by_counts": {
            word: sum(call["answered_by"] == word for call in calls)
            for word in ("human", "machine", "fax", "unknown")
        },
        "disposition_counts": dict(Counter(call["disposition"] for call in calls if call["disposition"])),
    }
    stats = world.ask("GET", f"/campaigns/{campaign_id}/stats").json()
    outcomes = world.ask("GET", f"/batches/{batch_id}/debug").json()["outcomes"]
    assert {name: stats[name] for name in told} == told
    assert {name: outcomes[name] for name in told} == told
    rung = [call for contact in people_of(world, batch_id) for call in calls_of(contact)]
    assert (stats["total_call_attempts"], stats["call_counters"]["completed_calls"]) == (
        len(calls),
        len(rung),
    )
    path = f"/batches/{batch_id}/contacts?disposition=refused&answered_by=human&limit=100"
    assert world.ask("GET", path).json() == []
    found = world.ask("GET", f"/batches/{batch_id}/contacts?disposition=refused&limit=100").json()
    assert {each["phone_number"][-2:] for each in found} == {"22"}
    assert len(found) == PEOPLE // 10


def check_export(world: World, batch_id: str) -> None:
    rows = list(
        csv.DictReader(io.StringIO(world.ask("GET", f"/batches/{batch_id}/export.csv?rows=calls").text))
    )
    told = {(row["execution_id"], row["answered_by"], row["disposition"]) for row in rows}
    stands = {
        (call["execution_id"], call["answered_by"] or "", call["disposition"] or "")
        for contact in people_of(world, batch_id)
        for call in contact["call_records"]
    }
    assert told == stands
    assert len(rows) == len(stands)


def check_ledger(world: World, contacts: list[Json]) -> None:
    """Every attempt rang once but for those that were cut, and nobody else did."""
    attempts = [call["execution_id"] for each in contacts for call in calls_of(each)]
    ours = {each["phone_number"] for each in contacts}
    rung = [each["execution_id"] for each in world.rings() if each["to"] in ours]
    assert sorted(rung) == sorted(attempts)
