"""The example agent on a whole stack: it greets everybody by name, and says what came of the talk."""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from console.api_client import JsonObject
from embedded.listening import free_ports
from embedded.module_command import module_command
from embedded.processes import Command
from settings import ProviderName
from tests.e2e.world import World, a_plan, a_world

pytestmark = [pytest.mark.e2e, pytest.mark.server, pytest.mark.timeout(300)]

EXAMPLE = Path(__file__).parents[2] / "examples" / "voice-agent"
SECRET, API_KEY = "a-secret-of-the-night", "a-key-of-the-night"
ACCOUNT_SID, CARE_SID = "a77ac4ed-0000-4000-8000-5e1f5e1f5e1f", "0fa1afe1-0000-4000-8000-0ddba11ca11e"
BUSY_AT_FIRST = "+14155550104"
LONG = "x" * 15_000
"""Of two variables of this length no brief holds both."""

PEOPLE: Mapping[str, Mapping[str, object]] = {
    "+14155550131": {"callee_name": "Ravi Odhiambo"},
    "+14155550132": {"callee_name": "Zoë Ångström"},
    "+14155550133": {"callee_name": "王小明"},
    "+14155550134": {"callee_name": 'Maria "Mia" Lopez'},
    "+14155550135": {"callee_name": "Íñigo", "nested": {"none": None, "many": [None, {"deep": None}]}},
    "+14155550136": {"callee_name": "  Ada  "},
    "+14155550137": {"callee_name": "https://example.test"},
    "+14155550138": {"callee_name": "Grace", "note": LONG},
    "+14155550139": {"callee_name": "Linus 🐧"},
    BUSY_AT_FIRST: {"callee_name": "Edsger"},
}


@dataclass(frozen=True)
class Talks:
    """What is left when everybody was called."""

    world: World
    contacts: Mapping[str, Mapping[str, Any]]
    """By number."""
    verbs: Mapping[str, list[dict[str, Any]]]
    """What the agent answered, by execution id."""

    def first_words(self, number: str) -> list[str]:
        """Return the first thing that was said in each answered call of a number."""
        answered = [self.verbs[call["execution_id"]] for call in self.contacts[number]["call_records"]]
        return [verbs[0]["text"] for verbs in answered if verbs]


@contextmanager
def a_stack_with_agents(folder: Path) -> Iterator[World]:
    """Run a stack over Jambonz' contract, with the simulator and the example as processes beside it."""
    [agent_port] = free_ports(1)
    plan = a_plan(folder, provider=ProviderName.JAMBONZ)
    said = {
        "APOLLO_WEBHOOK_SECRET": SECRET,
        "APOLLO_JAMBONZ_BASE_URL": plan.simulator_url,
        "APOLLO_JAMBONZ_ACCOUNT_SID": ACCOUNT_SID,
        "APOLLO_JAMBONZ_API_KEY": API_KEY,
        "APOLLO_JAMBONZ_APPLICATIONS": json.dumps({"agent_care": CARE_SID}),
        "APOLLO_JAMBONZ_CALL_HOOK": f"ws://jambonz:{SECRET}@127.0.0.1:{agent_port}/socket",
        "APOLLO_PROVIDER_REQUESTS_PER_SECOND": "0",
    }
    plan = replace(plan, environment={**plan.environment, **said})
    with a_world(plan) as world:
        world.start(a_simulator(world, f"{CARE_SID}=http://127.0.0.1:{agent_port}/call"))
        world.start(an_agent(world, agent_port))
        world.wait_for(lambda: says(f"{plan.simulator_url}/ledger", "create_requests"))
        world.wait_for(lambda: says(f"http://127.0.0.1:{agent_port}/openapi.json", "Voice agent"))
        yield world


def a_simulator(world: World, application: str) -> Command:
    arguments = (
        *("--port", str(world.stack.plan.settings.sim.port), "--ring-seconds", "0.1"),
        *("--talk-seconds", "20", "--application", application, "--says", "Yes, gladly."),
        *("--api-key-from", "APOLLO_JAMBONZ_API_KEY", "--webhook-secret-from", "APOLLO_WEBHOOK_SECRET"),
    )
    return a_command(world, "jambonz", "telephony.simulator", *arguments)


def an_agent(world: World, port: int) -> Command:
    token = world.ask("POST", "/tokens", {"name": "voice agent", "scope": "agent"}).json()["token"]
    command = a_command(
        world, "agent", "uvicorn", "agent:app", "--app-dir", str(EXAMPLE), "--port", str(port)
    )
    told = {
        "APOLLO_URL": world.stack.plan.api_url,
        "APOLLO_TOKEN": token,
        "APOLLO_PATIENCE_SECONDS": "30",
        "JAMBONZ_SECRET": SECRET,
    }
    return replace(command, environment={**command.environment, **told})


def a_command(world: World, name: str, module: str, *arguments: str) -> Command:
    assert world.stack.parts is not None
    return replace(
        world.stack.parts.worker(),
        name=name,
        argv=module_command(module, *arguments),
        patience=timedelta(seconds=3),
    )


def says(url: str, words: str) -> bool:
    """Tell whether somebody answers there, and is who is meant."""
    try:
        return words in httpx.get(url, trust_env=False).text
    except httpx.HTTPError:
        return False


def call_half_of_them(world: World, agent_id: str, numbers: list[str]) -> list[JsonObject]:
    campaign = world.api.create_campaign(
        {
            "name": "by name",
            "agent_id": agent_id,
            "phone_numbers": ["+14155550180"],
            "retry_policy": {"max_retries": 1, "cooldown_minutes": 0.02},
            "default_call_variables": {"clinic": LONG if agent_id == "agent_other" else "Lakeside"},
        }
    )
    people = [{"phone_number": number, "call_variables": PEOPLE[number]} for number in numbers]
    body = {"campaign_id": campaign["campaign_id"], "contacts": people}
    batch_id = world.ask("POST", "/batches/", body).raise_for_status().json()["batch_id"]
    world.wait_for_end(batch_id)
    return world.contacts(batch_id)


@pytest.fixture(scope="module")
def talks() -> Iterator[Talks]:
    folder = Path(tempfile.mkdtemp(prefix="apollo-e2e-")).resolve()
    try:
        with a_stack_with_agents(folder) as world:
            numbers = list(PEOPLE)
            contacts = [
                *call_half_of_them(world, "agent_care", [*numbers[:4], BUSY_AT_FIRST]),
                *call_half_of_them(world, "agent_other", numbers[4:9]),
            ]
            by_number = {str(each["phone_number"]): each for each in contacts}
            yield Talks(world, by_number, {ring["execution_id"]: ring["verbs"] for ring in world.rings()})
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("number", PEOPLE)
def test_agent_greets_everybody_by_name(talks: Talks, number: str) -> None:
    [words] = talks.first_words(number)

    assert words.startswith(f"Hello {PEOPLE[number]['callee_name']}.")
    assert talks.contacts[number]["status"] == "completed"


def test_agent_knows_who_was_called_before(talks: Talks) -> None:
    told = {number: "We tried to reach you before." in talks.first_words(number)[0] for number in PEOPLE}

    assert told == {number: number == BUSY_AT_FIRST for number in PEOPLE}


def test_agent_hangs_up_after_its_last_word(talks: Talks) -> None:
    last = [contact["call_records"][-1] for contact in talks.contacts.values()]

    assert {call["hangup_by"] for call in last} == {"assistant"}
    assert {talks.verbs[call["execution_id"]][-1]["verb"] for call in last} == {"hangup"}


def test_agent_says_what_came_of_the_talk_and_who_answered(talks: Talks) -> None:
    told = [
        (call["disposition"], call["disposition_note"], call["answered_by"])
        for call in (contact["call_records"][-1] for contact in talks.contacts.values())
    ]

    assert told == [("confirmed", "Yes, gladly.", "human")] * len(PEOPLE)
