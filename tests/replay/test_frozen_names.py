"""Names that histories, databases and operators' habits hold: a change of one breaks what runs already."""

import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import StrEnum

from pydantic import TypeAdapter
from temporalio import activity, workflow

from domain.access import TokenScope
from domain.audit import AuditAction
from domain.batch import BatchStatus, PausedBy
from domain.breaker import BreakerState
from domain.call import AttemptKind, CallStatus, DialState, EventSource
from domain.caller_id import CallerIdStrategy
from domain.campaign import CampaignStatus
from domain.contact import ContactStatus, SkipReason
from domain.disposition import AnsweredBy
from domain.gates import Gate
from domain.lifecycle import Action
from domain.presets import PRESETS
from domain.webhooks import DeliveryState, DisabledReason, EventType
from store.schema.tables import METADATA
from tests.activities.world import World
from tests.replay import frozen_names as frozen
from workflows import messages, names
from workflows.batch.workflow import BatchWorkflow
from workflows.contact.retry_timer import GRANT_ENDS_SLEEP
from workflows.contact.workflow import CONTINUE_WAITING, NOBODY_GRANTS, SLEEP_AGAIN, ContactWorkflow
from workflows.housekeeping.workflow import HousekeepingWorkflow

WORKFLOWS: tuple[type, ...] = (BatchWorkflow, ContactWorkflow, HousekeepingWorkflow)
KEPT_WORDS: tuple[type[StrEnum], ...] = (
    Action,
    AnsweredBy,
    AttemptKind,
    AuditAction,
    BatchStatus,
    BreakerState,
    CallStatus,
    CallerIdStrategy,
    CampaignStatus,
    ContactStatus,
    DeliveryState,
    DialState,
    DisabledReason,
    EventSource,
    EventType,
    Gate,
    PausedBy,
    SkipReason,
    TokenScope,
)
"""Values that stand in histories or in rows."""


def found_workflows() -> Mapping[str, Mapping[str, str]]:
    """Return what each type of workflow answers to."""
    definitions = (workflow._Definition.must_from_class(each) for each in WORKFLOWS)
    return {
        str(each.name): {
            "signals": _listed(map(str, each.signals)),
            "queries": _listed(map(str, each.queries)),
            "updates": _listed(map(str, each.updates)),
        }
        for each in definitions
    }


def activities() -> Mapping[str, Sequence[Callable[..., object]]]:
    """Return what workers register, by task queue; local ones by the queue of their workflow."""
    scene = World()
    return {
        names.CONTROL_QUEUE: scene.of_slots.local,
        names.CONTACT_QUEUE: scene.of_contacts.local,
        names.DIAL_QUEUE: [*scene.dialling.all, *scene.hanging_up.all],
        names.STORE_QUEUE: [
            *scene.of_batches.all,
            *scene.of_contacts.all,
            *scene.of_rescheduled.all,
            *scene.of_slots.all,
            *scene.housekeeping.all,
            *scene.delivering.all,
            *scene.webhooks.all,
            *scene.retention.all,
            *scene.number_zones.all,
        ],
    }


def found_activities() -> Mapping[str, str]:
    """Return the types of activities by task queue."""
    return {
        queue: _listed(str(activity._Definition.must_from_callable(each).name) for each in registered)
        for queue, registered in activities().items()
    }


def found_messages() -> Mapping[str, str]:
    """Return the fields of everything that crosses to Temporal, by what carries it."""
    return dict(_fields())


def _fields() -> Iterator[tuple[str, str]]:
    for registered in activities().values():
        for each in registered:
            yield from _carried(str(activity._Definition.must_from_callable(each).name), each)
    for each in WORKFLOWS:
        yield from _carried(each.__name__, workflow._Definition.must_from_class(each).run_fn)
    for name, adapter in vars(messages).items():
        if isinstance(adapter, TypeAdapter):
            yield from _within(name.lower(), adapter._type)


def _carried(name: str, function: object) -> Iterator[tuple[str, str]]:
    for part, hint in typing.get_type_hints(function).items():
        yield from _within(f"{name} {'answer' if part == 'return' else 'request'}", hint)


def _within(path: str, hint: object) -> Iterator[tuple[str, str]]:
    if isinstance(hint, type) and is_dataclass(hint):
        yield path, _listed(field.name for field in fields(hint))
        for name, inner in typing.get_type_hints(hint).items():
            yield from _within(f"{path}.{name}", inner)
    for inner in typing.get_args(hint):
        yield from _within(path, inner)


def found_tables() -> Mapping[str, str]:
    """Return the columns of every table."""
    return {each.name: _listed(each.columns.keys()) for each in METADATA.tables.values()}


def found_words() -> Mapping[str, str]:
    """Return the values of every enum that is kept."""
    return {each.__name__: _listed(each) for each in KEPT_WORDS}


def _listed(words: Iterable[str]) -> str:
    return " ".join(sorted(words))


def test_workflows_go_by_their_names_and_answer_to_the_same_signals_and_queries() -> None:
    assert found_workflows() == frozen.WORKFLOWS


def test_activities_go_by_their_names_on_their_queues() -> None:
    assert found_activities() == frozen.ACTIVITIES


def test_messages_keep_their_fields() -> None:
    assert found_messages() == frozen.MESSAGES


def test_tables_keep_their_columns() -> None:
    assert found_tables() == frozen.TABLES


def test_kept_values_keep_their_words() -> None:
    assert found_words() == frozen.WORDS


def test_presets_that_campaigns_name_keep_their_names() -> None:
    assert _listed(PRESETS) == frozen.PRESETS


def test_what_is_found_by_name_keeps_it() -> None:
    assert names.batch_workflow_id("bat_1") == "batch/bat_1"
    assert names.HOUSEKEEPING_WORKFLOW_ID == "housekeeping"
    assert names.contact_workflow_id("bat_1", "con_1") == "batch/bat_1/c/con_1"
    assert (CONTINUE_WAITING, SLEEP_AGAIN, GRANT_ENDS_SLEEP) == frozen.PATCHES
    assert NOBODY_GRANTS == "nobody_grants_a_slot"
    assert names.SLOTS_IN_DATABASE == "slots_in_database"
    assert names.SEARCH_ATTRIBUTES == frozen.SEARCH_ATTRIBUTES
