"""A machine answers, or the agent says what came of the talk: on a clock that skips."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from domain.call import CallStatus, Outcome, StatusEvent
from domain.contact import ContactStatus
from domain.disposition import AnsweredBy, DispositionRule, OnMachine, Then
from domain.redial import DEFAULT_RETRY_ON, RedialPolicy
from domain.telephony import HangUpResult
from tests.workflows.world import ANSWERED, World, server_time
from workflows import search_attributes

pytestmark = pytest.mark.server

RINGING, TALKING, OVER = CallStatus.RINGING, CallStatus.IN_PROGRESS, CallStatus.COMPLETED
MINUTE = timedelta(minutes=1)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def told(status: CallStatus, **what: object) -> StatusEvent:
    return StatusEvent(status=status, happened_at=server_time(), **what)  # type: ignore[arg-type]  # spread


@dataclass
class HangUps:
    """Ends calls as they are asked to be, and remembers when."""

    world: World
    at: list[datetime] = field(default_factory=list)

    async def hang_up(self, provider_call_id: str) -> HangUpResult:
        self.at.append(server_time())
        [record] = [
            each for each in self.world.tables.calls.values() if each.provider_call_id == provider_call_id
        ]
        await self.world.hear(record.execution_id, told(OVER))
        return HangUpResult.ACCEPTED


async def test_machine_that_goes_on_is_hung_up_on_after_five_seconds_and_redialled(world: World) -> None:
    ends = HangUps(world)
    world.telephone.hang_up = ends.hang_up  # type: ignore[method-assign]  # the one verb of this test
    world.telephone.script = lambda _, call: (
        (RINGING, told(TALKING, answered_by=AnsweredBy.MACHINE)) if call == 1 else ANSWERED
    )
    policy = RedialPolicy(cooldown=10 * MINUTE, retry_on=DEFAULT_RETRY_ON | {Outcome.VOICEMAIL})
    batch_id = await world.a_batch(rules={"on_machine": OnMachine.HANG_UP, "retry_policy": policy})

    await (await world.start(batch_id)).result()

    [contact], [first, second] = world.contacts(batch_id), world.calls(batch_id)
    assert (contact.status, contact.retry_count) == (ContactStatus.COMPLETED, 1)
    assert (first.call_status, first.answered_by) == (OVER, AnsweredBy.MACHINE)
    assert first.answered_at is not None
    [at] = ends.at
    assert timedelta(seconds=4) < at - first.answered_at < timedelta(seconds=8)
    assert second.started_at is not None
    assert second.started_at - at >= 10 * MINUTE


async def test_machine_that_ends_by_itself_is_left_alone(world: World) -> None:
    world.telephone.script = lambda _request, _call: (
        RINGING,
        told(TALKING, answered_by=AnsweredBy.MACHINE),
        OVER,
    )
    batch_id = await world.a_batch(rules={"on_machine": OnMachine.HANG_UP})

    await (await world.start(batch_id)).result()

    assert [each.status for each in world.contacts(batch_id)] == [ContactStatus.COMPLETED]
    assert world.telephone.hung_up == []


async def test_call_that_cannot_be_hung_up_is_followed_to_its_end(world: World) -> None:
    world.telephone.hang_up_result = HangUpResult.UNREACHABLE
    world.telephone.script = lambda _request, _call: (RINGING, told(TALKING, answered_by=AnsweredBy.FAX))
    world.telephone.standing["call-1"] = StatusEvent(status=OVER, happened_at=LONG_AGO)
    batch_id = await world.a_batch(rules={"on_machine": OnMachine.HANG_UP})

    await (await world.start(batch_id)).result()

    assert [each.status for each in world.contacts(batch_id)] == [ContactStatus.COMPLETED]
    assert len(world.telephone.hung_up) == 2  # asked twice, and then no more


@pytest.mark.parametrize(
    ("then", "status", "attempts"),
    [
        pytest.param(Then.COMPLETE, ContactStatus.COMPLETED, 1, id="complete"),
        pytest.param(Then.RETRY, ContactStatus.COMPLETED, 3, id="retry until none is left"),
        pytest.param(Then.FOLLOW_UP, ContactStatus.COMPLETED, 2, id="follow-up"),
        pytest.param(Then.SUPPRESS, ContactStatus.COMPLETED, 1, id="suppress"),
    ],
)
async def test_rule_for_a_disposition_is_followed(
    world: World, then: Then, status: ContactStatus, attempts: int
) -> None:
    world.telephone.script = lambda _request, _call: (RINGING, TALKING, told(OVER, disposition="callback"))
    rule = DispositionRule(disposition="callback", then=then, after=MINUTE)
    rules = {"disposition_rules": (rule,), "retry_policy": RedialPolicy(max_retries=2)}
    batch_id = await world.a_batch(rules=rules)

    await (await world.start(batch_id)).result()

    [contact] = world.contacts(batch_id)
    assert (contact.status, len(world.calls(batch_id))) == (status, attempts)
    listed = [each.reason for each in world.tables.suppressions.values()]
    assert listed == (["disposition:callback"] if then is Then.SUPPRESS else [])


async def test_contact_is_found_by_what_came_of_its_call(world: World) -> None:
    world.telephone.script = lambda _request, _call: (RINGING, TALKING, told(OVER, disposition="promised"))
    batch_id = await world.a_batch()

    await (await world.start(batch_id)).result()

    [contact] = world.contacts(batch_id)
    found = (await world.contact_story(contact).describe()).typed_search_attributes
    assert found[search_attributes.DISPOSITION] == "promised"
