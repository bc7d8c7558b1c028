"""What is posted of an event is what the other endpoints show of its object."""

import json
from datetime import UTC, datetime

import pytest

from api.batches.schemas import BatchOut
from api.contacts.schemas import CallRecordOut, ContactOut
from api.webhook_endpoints.bodies import body_of
from domain.identity import BatchId, EventId
from domain.webhooks import (
    BatchNews,
    CallNews,
    ContactNews,
    DiagnosisNews,
    EventType,
    News,
    WebhookEvent,
)
from tests.builders import a_batch, a_call_record, a_campaign, a_campaign_rules, a_contact

AT = datetime(2026, 9, 4, 14, 0, 7, 412_345, tzinfo=UTC)
CAMPAIGN = a_campaign(rules=a_campaign_rules(default_call_variables={"clinic": "Lakeside", "name": "you"}))
CONTACT = a_contact(call_variables={"name": "Zoë"}, updated_at=AT, external_id="P-1")
CALL = a_call_record(started_at=AT, ended_at=AT, total_cost=2.0)


def posted(news: News) -> dict[str, object]:
    event = WebhookEvent(event_id=EventId("evt_1"), type=EventType.CALL_ENDED, occurred_at=AT, news=news)
    body: dict[str, object] = json.loads(body_of(event))
    assert list(body) == ["type", "timestamp", "data"]
    assert (body["type"], body["timestamp"]) == ("call.ended", "2026-09-04T14:00:07.412Z")
    data = body["data"]
    assert isinstance(data, dict)
    return data


def test_batch_is_posted_as_it_is_shown() -> None:
    batch = a_batch(updated_at=AT)

    data = posted(BatchNews(batch=batch, campaign=CAMPAIGN))

    assert data == json.loads(BatchOut.of(batch, CAMPAIGN).model_dump_json())
    assert data["updated_at"] == "2026-09-04T14:00:07.412Z"


@pytest.mark.parametrize("call", [None, CALL], ids=["never called", "called"])
def test_contact_is_posted_as_it_is_shown(call: object) -> None:
    current, batch = CALL if call is CALL else None, a_batch()

    data = posted(ContactNews(contact=CONTACT, batch=batch, campaign=CAMPAIGN, current_call=current))

    assert data == json.loads(ContactOut.of(CONTACT, current, batch, CAMPAIGN).model_dump_json())


def test_call_is_posted_with_what_it_belongs_to_and_its_variables() -> None:
    data = posted(CallNews(call=CALL, contact=CONTACT, campaign=CAMPAIGN))

    record = json.loads(CallRecordOut.of(CALL).model_dump_json())
    assert data == {
        **record,
        "organization_id": CAMPAIGN.organization_id,
        "campaign_id": CONTACT.campaign_id,
        "batch_id": CONTACT.batch_id,
        "contact_id": CONTACT.contact_id,
        "external_id": "P-1",
        "agent_id": CAMPAIGN.rules.agent_id,
        "variables": {"clinic": "Lakeside", "name": "Zoë"},
    }


def test_diagnosis_is_posted_with_its_tip() -> None:
    news = DiagnosisNews(batch_id=BatchId("btc_1"), diagnosis="paused", tip="Resume it")

    assert posted(news) == {"batch_id": "btc_1", "diagnosis": "paused", "tip": "Resume it"}
