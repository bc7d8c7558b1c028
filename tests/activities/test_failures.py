"""Failures on their way to Temporal: a technical one is tried again, a logical one is final and named."""

import traceback
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.failures import translating_failures
from activities.messages import (
    ActOnBatch,
    BeginBatch,
    CheckCall,
    CloseContact,
    ExpireBatch,
    FinishBatch,
    HangUpSkipped,
    ReturnSlot,
    StopContacts,
)
from activities.slots import ContactOfBatch, FindLostSlots
from domain import errors
from domain.call import CallStatus
from domain.errors import (
    ApolloError,
    EngineUnavailable,
    FieldError,
    InvalidRequest,
    LogicalError,
    StoreUnavailable,
    TechnicalError,
)
from domain.lifecycle import Action
from domain.slots import SlotGrants
from tests.activities.world import FIRST_DIAL, SETTLE, World, a_call_under_way, a_dialled_call
from tests.builders import BATCH_ID, CONTACT_ID

RETURN = ReturnSlot(batch_id=BATCH_ID, contact_id=CONTACT_ID, attempt=1)
PAUSE = ActOnBatch(batch_id=BATCH_ID, action=Action.PAUSE)
STOP = StopContacts(batch_id=BATCH_ID, after_position=0, limit=1)
GRANT = SlotGrants(batch_id=BATCH_ID, key="run/1", at_most=1)
FIND = FindLostSlots(batch_id=BATCH_ID, limit=1, with_calls=True)
THIS = ContactOfBatch(batch_id=BATCH_ID, contact_id=CONTACT_ID)

Act = Callable[[World], Awaitable[object]]


def leaves(error: type[ApolloError]) -> list[type[ApolloError]]:
    """Return the errors of the domain that have no kinds of their own."""
    kinds = [each for each in error.__subclasses__() if each.__module__ == errors.__name__]
    return [leaf for each in kinds for leaf in leaves(each)] or [error]


def an_error(kind: type[ApolloError]) -> ApolloError:
    """One error of a kind."""
    if issubclass(kind, InvalidRequest):
        return InvalidRequest([FieldError(("body",), "is missing", "missing")])
    return kind()


def failing_with(error: Exception) -> Callable[[], Awaitable[None]]:
    """An activity that fails."""

    @translating_failures
    async def fail() -> None:
        raise error

    return fail


@pytest.mark.parametrize("kind", leaves(LogicalError), ids=lambda kind: kind.__name__)
async def test_logical_error_is_final_and_goes_by_the_name_of_its_class(kind: type[ApolloError]) -> None:
    error = an_error(kind)

    with pytest.raises(ApplicationError) as failure:
        await ActivityEnvironment().run(failing_with(error))

    told = failure.value
    assert (told.type, told.non_retryable, told.message) == (kind.__name__, True, error.message)
    assert told.__cause__ is error


@pytest.mark.parametrize("kind", leaves(TechnicalError), ids=lambda kind: kind.__name__)
async def test_technical_error_is_raised_as_it_is(kind: type[ApolloError]) -> None:
    error = an_error(kind)

    with pytest.raises(kind) as failure:
        await ActivityEnvironment().run(failing_with(error))

    assert failure.value is error


async def test_defect_is_tried_again_and_told_by_its_class_and_place_alone() -> None:
    number = "+14155550177"
    with pytest.raises(ApplicationError) as failure:
        await ActivityEnvironment().run(failing_with(KeyError(number)))

    told = failure.value
    assert (told.type, told.non_retryable) == ("KeyError", False)
    assert "in fail" in "".join(traceback.format_tb(told.__traceback__))
    assert number not in "".join(traceback.format_exception(told))


async def test_failure_in_terms_of_temporal_is_raised_as_it_is() -> None:
    meant = ApplicationError("as planned", type="Planned")

    with pytest.raises(ApplicationError) as failure:
        await ActivityEnvironment().run(failing_with(meant))

    assert failure.value is meant


@pytest.mark.parametrize(
    ("act", "name"),
    [
        pytest.param(
            lambda world: world.run(world.of_batches.begin_batch, BeginBatch("btc_none")),
            "BatchNotFound",
            id="begin_batch",
        ),
        pytest.param(
            lambda world: world.run(world.of_batches.expire_batch, ExpireBatch("btc_none")),
            "BatchNotFound",
            id="expire_batch",
        ),
        pytest.param(
            lambda world: world.run(world.of_batches.finish_batch, FinishBatch("btc_none")),
            "BatchNotFound",
            id="finish_batch",
        ),
        pytest.param(
            lambda world: world.run(world.of_contacts.settle_attempt, SETTLE),
            "ContactNotFound",
            id="settle_attempt, no such contact",
        ),
        pytest.param(
            lambda world: world.run(world.of_contacts.return_slot, RETURN),
            "ContactNotFound",
            id="return_slot",
        ),
    ],
)
async def test_what_no_longer_exists_is_not_asked_for_again(act: Act, name: str) -> None:
    world = World()
    world.tables.contacts.clear()
    world.tables.batches.clear()

    with pytest.raises(ApplicationError) as failure:
        await act(world)

    assert (failure.value.type, failure.value.non_retryable) == (name, True)
    assert world.reports.heard == []


async def test_attempt_without_a_row_is_not_settled() -> None:
    world = World()

    with pytest.raises(ApplicationError) as failure:
        await world.run(world.of_contacts.settle_attempt, SETTLE)

    assert (failure.value.type, failure.value.non_retryable) == ("ContactNotFound", True)


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda world: world.run(world.dialling.place_call, FIRST_DIAL), id="place_call"),
        pytest.param(
            lambda world: world.run(world.dialling.check_call, CheckCall(contact_id=CONTACT_ID, attempt=1)),
            id="check_call",
        ),
        pytest.param(lambda world: world.run(world.of_contacts.settle_attempt, SETTLE), id="settle_attempt"),
        pytest.param(lambda world: world.run(world.of_contacts.return_slot, RETURN), id="return_slot"),
        pytest.param(
            lambda world: world.run(
                world.of_contacts.close_contact, CloseContact(contact_id=CONTACT_ID, attempt=1)
            ),
            id="close_contact",
        ),
        pytest.param(
            lambda world: world.run(world.of_batches.begin_batch, BeginBatch(BATCH_ID)), id="begin_batch"
        ),
        pytest.param(lambda world: world.run(world.of_batches.act_on_batch, PAUSE), id="act_on_batch"),
        pytest.param(
            lambda world: world.run(world.of_batches.expire_batch, ExpireBatch(BATCH_ID)), id="expire_batch"
        ),
        pytest.param(lambda world: world.run(world.of_contacts.stop_stories, STOP), id="stop_stories"),
        pytest.param(
            lambda world: world.run(world.hanging_up.hang_up_skipped, HangUpSkipped(BATCH_ID)),
            id="hang_up_skipped",
        ),
        pytest.param(lambda world: world.run(world.of_slots.grant_slots, GRANT), id="grant_slots"),
        pytest.param(lambda world: world.run(world.of_slots.find_lost_slots, FIND), id="find_lost_slots"),
        pytest.param(
            lambda world: world.run(world.of_batches.finish_batch, FinishBatch(BATCH_ID)), id="finish_batch"
        ),
    ],
)
async def test_database_that_is_down_is_waited_for(act: Act) -> None:
    world = a_call_under_way(a_dialled_call(call_status=CallStatus.COMPLETED))
    world.tables.is_down = True

    with pytest.raises(StoreUnavailable):
        await act(world)

    assert (world.provider.requests, world.provider.hung_up) == ([], [])
    assert (world.reports.heard, world.directory.stopped) == ([], [])


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda world: world.run(world.of_slots.is_over, THIS), id="is_over"),
        pytest.param(lambda world: world.run(world.of_contacts.stop_stories, STOP), id="stop_stories"),
    ],
)
async def test_engine_that_is_down_is_waited_for(act: Act) -> None:
    world = World()
    world.directory.is_down = True

    with pytest.raises(EngineUnavailable):
        await act(world)


async def test_slots_are_not_called_lost_while_the_engine_is_down() -> None:
    world = World()
    await world.run(world.of_slots.grant_slots, GRANT)
    world.clock.pass_time(timedelta(minutes=1))
    world.directory.is_down = True

    with pytest.raises(EngineUnavailable):
        await world.run(world.of_slots.find_lost_slots, FIND)
