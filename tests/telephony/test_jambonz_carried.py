"""What a call over Jambonz carries to the application that speaks, and which application that is."""

import json
from dataclasses import replace

import pytest

from domain.identity import OrganizationId
from domain.telephony import Accepted, CallRequest, Misconfigured
from tests.telephony.jambonz_server import (
    APPLICATION_SID,
    CALL_SID,
    JambonzServer,
    a_provider,
    a_record,
    settings,
)
from tests.telephony.world import a_request, a_search

CARE_SID, SALES_SID = "c" * 36, "5" * 36
BY_AGENT = {"agent_1": CARE_SID, "agent_sales": SALES_SID}
LONGEST = 16_384
FRAME = len('{"variables":{"note":""},"context":{}}')


async def sent(request: CallRequest, **changes: object) -> dict[str, object]:
    """Return the create call that a dial makes."""
    server = JambonzServer()
    async with a_provider(server, **changes) as provider:
        assert await provider.place_call(request) == Accepted(CALL_SID)
    [body] = server.bodies
    return body


async def tag_of(request: CallRequest, **changes: object) -> dict[str, object]:
    tag = (await sent(request, **changes))["tag"]
    assert isinstance(tag, dict)
    return tag


def brief_in(tag: dict[str, object]) -> object:
    text = tag["brief"]
    assert isinstance(text, str)
    return json.loads(text)


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param({"callee_name": "Zoë Ångström", "city": "東京", "mood": "🙂"}, id="beyond ASCII"),
        pytest.param({"callee_name": "  Ada  ", "site": "https://x.test"}, id="blanks and addresses"),
        pytest.param({"nested": {"none": None, "many": [1, None, {"deep": None}]}}, id="nested nulls"),
        pytest.param({"quoted": 'She said "yes"\\n'}, id="quotes and line breaks"),
        pytest.param({}, id="nothing"),
    ],
)
async def test_brief_is_one_flat_ascii_text_that_reads_as_it_was_given(variables: dict[str, object]) -> None:
    tag = await tag_of(replace(a_request(), variables=variables, context={"offer": None}))

    assert brief_in(tag) == {"variables": variables, "context": {"offer": None}}
    text = str(tag["brief"])
    assert text.isascii()
    assert text == text.strip()
    assert all(isinstance(value, str) for value in tag.values())


async def test_brief_of_sixteen_kilobytes_is_sent_and_a_longer_one_left_out() -> None:
    longest = {"note": "x" * (LONGEST - FRAME)}
    within = await tag_of(replace(a_request(), variables=longest, context={}))
    beyond = await tag_of(replace(a_request(), variables={"note": longest["note"] + "x"}, context={}))

    assert len(str(within["brief"])) == LONGEST
    assert "brief_omitted" not in within
    assert (beyond["brief_omitted"], "brief" in beyond) == (True, False)
    assert beyond.keys() - {"brief_omitted"} == within.keys() - {"brief"}


async def test_brief_is_measured_as_the_text_that_is_sent() -> None:
    tag = await tag_of(replace(a_request(), variables={"note": "é" * (LONGEST // 6)}, context={}))

    assert tag["brief_omitted"] is True


async def test_tag_of_ids_keeps_agent_and_person_away_from_the_telephony_server() -> None:
    body = await sent(a_request(), tag="ids")

    assert body["tag"] == {
        "attempt_id": "exec_1",
        "organization_id": "org_1",
        "campaign_id": "cmp_1",
        "batch_id": "btc_1",
        "contact_id": "con_1",
    }
    assert "Ada" not in json.dumps(body)


async def test_organization_and_agent_with_any_name_are_called() -> None:
    request = replace(a_request(), organization_id=OrganizationId("Zoë & Co"), agent_id="the friendly one")
    tag = await tag_of(request)

    assert (tag["organization_id"], tag["agent_id"]) == ("Zoë & Co", "the friendly one")


@pytest.mark.parametrize(
    ("agent_id", "common", "runs"),
    [
        pytest.param("agent_1", {}, CARE_SID, id="its own"),
        pytest.param("agent_other", {}, APPLICATION_SID, id="the common one"),
        pytest.param("agent_1", {"application_sid": None}, CARE_SID, id="its own, without a common one"),
        pytest.param(
            "agent_other",
            {"application_sid": None, "call_hook": "https://agent.test/call"},
            None,
            id="the call hook",
        ),
    ],
)
async def test_agent_runs_its_own_application_else_the_common_one(
    agent_id: str, common: dict[str, object], runs: str | None
) -> None:
    body = await sent(replace(a_request(), agent_id=agent_id), applications=BY_AGENT, **common)

    assert body.get("application_sid") == runs
    assert ("call_hook" in body) is (runs is None)


async def test_agent_without_an_application_calls_nobody_and_its_person_is_not_spent() -> None:
    server = JambonzServer()
    async with a_provider(server, application_sid=None, applications=BY_AGENT) as provider:
        result = await provider.place_call(replace(a_request(), agent_id="agent_other"))

    assert isinstance(result, Misconfigured)
    assert "APOLLO_JAMBONZ_APPLICATIONS" in result.reason
    assert server.requests == []


async def test_calls_of_every_agent_are_found_and_those_of_other_applications_are_not() -> None:
    sids = (CARE_SID, SALES_SID, APPLICATION_SID, "0" * 36, None)
    records = [a_record(call_sid=f"CA-{number}", application_sid=sid) for number, sid in enumerate(sids)]
    async with a_provider(JambonzServer(records=records), applications=BY_AGENT) as provider:
        found = await provider.find_calls(a_search())

    assert [event.provider_call_id for event in found] == ["CA-0", "CA-1", "CA-2"]


async def test_health_is_asked_where_agents_have_applications_of_their_own_only() -> None:
    server = JambonzServer()
    async with a_provider(server, application_sid=None, applications=BY_AGENT) as provider:
        assert await provider.check_health() is None
    assert server.bodies[0]["application_sid"] == CARE_SID


@pytest.mark.parametrize(
    ("changes", "agent_id", "can"),
    [
        pytest.param({"applications": BY_AGENT}, "agent_other", True, id="a common application"),
        pytest.param({"applications": BY_AGENT, "application_sid": None}, "agent_1", True, id="its own"),
        pytest.param({"applications": BY_AGENT, "application_sid": None}, "agent_other", False, id="none"),
        pytest.param({"application_sid": None}, "agent_other", True, id="an API that is told of none"),
    ],
)
def test_settings_tell_which_agents_can_speak(changes: dict[str, object], agent_id: str, can: bool) -> None:
    assert settings(**changes).can_speak_for(agent_id) is can
