"""Every fault of the table against the whole stack, and what nobody may read of it afterwards."""

import json
import time
from collections.abc import Iterable, Iterator

import httpx
import pytest
from temporalio.client import Client

from console.api_client import JsonObject
from telephony.signature import SIGNATURE_HEADER, sign
from tests.e2e.hostile_night import CALLEE, Night, a_hostile_night, number_of
from tests.hostile.faults import FAULTS, VICTIMS_ENDING

pytestmark = [pytest.mark.e2e, pytest.mark.server, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def night() -> Iterator[Night]:
    with a_hostile_night() as over:
        yield over


def calls_of(contact: JsonObject) -> list[JsonObject]:
    records = contact["call_records"]
    assert isinstance(records, list)
    return records


def found_in(texts: Iterable[bytes], night: Night) -> set[str]:
    """Return the names of the secrets that are in any of the texts."""
    read = b"\n".join(texts)
    return {name for name, secret in night.secrets().items() if secret.encode() in read}


def a_signed_report(night: Night, body: JsonObject) -> httpx.Response:
    """Post a webhook as the provider does, and return the answer."""
    raw = json.dumps(body).encode()
    signature = sign(night.provider.account.webhook_secret, int(time.time()), raw)
    return httpx.post(
        f"{night.world.stack.plan.api_url}/webhooks/call-status",
        content=raw,
        headers={"Content-Type": "application/json", SIGNATURE_HEADER: signature},
        trust_env=False,
    )


@pytest.mark.parametrize("ending", [pytest.param(ending, id=fault.name) for ending, fault in FAULTS.items()])
def test_fault_rings_nobody_twice_and_ends_as_the_table_says(night: Night, ending: str) -> None:
    fault, ledger, contact = FAULTS[ending], night.provider.ledger, night.contacts[ending]
    execution_ids = ledger.attempts[number_of(ending)]

    assert [call["execution_id"] for call in calls_of(contact)] == execution_ids
    assert [call["call_status"] for call in calls_of(contact)] == [each.ends for each in fault.attempts]
    assert contact["status"] == fault.contact
    assert [ledger.rings[each] for each in execution_ids] == [each.rings for each in fault.attempts]
    assert [ledger.requests[each] for each in execution_ids] == [len(each.create) for each in fault.attempts]
    expected = [
        [answer for step in attempt.script if attempt.rings for answer in step.answers]
        for attempt in fault.attempts
    ]
    assert [ledger.reported.get(each, []) for each in execution_ids] == expected


def test_call_of_another_organization_takes_its_own_course(night: Night) -> None:
    victim = night.contacts[VICTIMS_ENDING]

    assert (victim["status"], [call["call_status"] for call in calls_of(victim)]) == ("busy", ["busy"])


def test_provider_was_asked_for_nothing_but_what_its_contract_knows(night: Night) -> None:
    assert night.provider.ledger.complaints == []


def test_no_slot_is_left_and_no_workflow_runs_when_all_calls_are_over(night: Night) -> None:
    world, batch_id = night.world, night.batch_id
    held = world.temporal("query", "-w", f"batch/{batch_id}", "--name", "in_flight", "-o", "json")
    expected: dict[str, int] = {}
    for fault in FAULTS.values():
        expected[fault.contact] = expected.get(fault.contact, 0) + 1

    assert json.loads(held.stdout)["queryResult"] == [{}]
    assert world.running_workflows(f"BatchId='{batch_id}'") == 0
    assert {name: count for name, count in world.counters(batch_id)[0].items() if count} == expected


def test_who_looks_for_secrets_finds_them_where_they_belong(night: Night) -> None:
    told = json.dumps(list(night.contacts.values())).encode()

    kept = {name for name in night.secrets() if name.startswith(("number", "callee"))}
    assert found_in([told], night) == kept
    assert all(night.secrets().values())


def test_no_log_holds_a_secret(night: Night) -> None:
    logs = [each for each in night.data_dir.rglob("*log*") if each.is_file()]

    assert {"api.log", "worker.log", "temporal.log", "postgres.log"} <= {each.name for each in logs}
    assert found_in((each.read_bytes() for each in logs), night) == set()


def test_no_refusal_quotes_what_was_sent(night: Night) -> None:
    victim, secret = number_of("01"), night.provider.account.webhook_secret
    world = night.world
    contact = {"phone_number": f"{victim}000000", "call_variables": {"callee_name": CALLEE}}
    refusals = [
        world.ask("POST", "/batches/", {"campaign_id": victim, "contacts": [{"phone_number": victim}]}),
        world.ask("POST", "/batches/", {"campaign_id": "cmp_1", "contacts": [contact, contact]}),
        world.ask("POST", "/batches/", {"campaign_id": 7, "contacts": CALLEE, "scheduled_start": secret}),
        world.ask("POST", "/campaigns/", {"name": "x", "agent_id": "y", "phone_numbers": [CALLEE, victim]}),
        world.ask("GET", f"/batches/{victim}"),
        world.ask("GET", f"/batches/{night.batch_id}/contacts?status={night.world.stack.token}"),
        world.ask("POST", f"/batches/{night.batch_id}/contacts/{victim}/skip"),
        world.ask("POST", "/webhooks/call-status", {"call_sid": victim, "call_status": CALLEE}),
        a_signed_report(night, {"call_sid": victim, "call_status": "completed", "sip_reason": CALLEE}),
        a_signed_report(night, {"call_sid": victim, "to": victim, "duration": CALLEE}),
        a_signed_report(night, {"execution_id": victim, "call_status": CALLEE, "total_cost": victim}),
    ]

    assert {answer.status_code // 100 for answer in refusals} == {4}
    assert found_in((answer.content for answer in refusals), night) == set()


async def test_no_workflow_history_holds_a_secret(night: Night) -> None:
    client = await Client.connect(night.world.stack.temporal_address)
    told: list[bytes] = []
    workflows = 0
    async for listed in client.list_workflows():
        workflows += 1
        told.append(listed.raw_info.SerializeToString())
        handle = client.get_workflow_handle(listed.id, run_id=listed.run_id)
        # Serialized, a payload stands there as its sender wrote it.
        told += [event.SerializeToString() async for event in handle.fetch_history_events()]

    assert workflows > len(FAULTS)
    assert any(b"exec_" in each or b"attempt" in each for each in told)
    assert found_in(told, night) == set()
