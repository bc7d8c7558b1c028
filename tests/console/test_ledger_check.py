"""The demo's verdict: every difference between Apollo's story and the ledger is found."""

import pytest

from console.api_client import JsonObject
from console.ledger_check import Ledger, Reckoning, faults, read_ledger, reckon


def a_call(
    execution_id: str, call_status: str = "completed", provider_call_id: str | None = "sid"
) -> JsonObject:
    return {"execution_id": execution_id, "call_status": call_status, "provider_call_id": provider_call_id}


def a_contact(status: str, *calls: JsonObject) -> JsonObject:
    return {"status": status, "call_records": list(calls)}


CONTACTS = [
    a_contact("completed", a_call("exec_1")),
    a_contact("max_retries_reached", a_call("exec_2", "busy"), a_call("exec_3", "no_answer")),
    a_contact("failed", a_call("exec_4", "failed", None)),
]
COUNTERS = {"completed": 1, "max_retries_reached": 1, "failed": 1, "pending": 0}
RINGS = ("exec_1", "exec_2", "exec_3")


def a_reckoning(
    rings: tuple[str | None, ...] = RINGS,
    *,
    contacts: list[JsonObject] = CONTACTS,
    counters: dict[str, int] = COUNTERS,
    peak_live: int = 2,
) -> Reckoning:
    return reckon(counters, contacts, Ledger(rings=rings, peak_live=peak_live))


def test_reckoning_counts_contacts_attempts_and_rings() -> None:
    assert a_reckoning() == Reckoning(
        contact_statuses={"completed": 1, "max_retries_reached": 1, "failed": 1},
        counters=COUNTERS,
        attempts=4,
        rings=3,
        answered=1,
        ended=4,
        peak_live=2,
        second_rings=0,
        stray_rings=0,
        missing_rings=0,
    )
    assert a_reckoning().answer_rate == 0.25


def test_all_is_well_when_every_story_agrees() -> None:
    assert faults(a_reckoning(), contacts=3, limit=2) == []


@pytest.mark.parametrize(
    ("reckoning", "found"),
    [
        pytest.param(a_reckoning((*RINGS, "exec_2")), ["1 attempts rang twice"], id="second ring"),
        pytest.param(a_reckoning((*RINGS, "exec_9")), ["1 rings have no recorded attempt"], id="stray ring"),
        pytest.param(a_reckoning((*RINGS, None)), ["1 rings have no recorded attempt"], id="nameless ring"),
        pytest.param(a_reckoning(RINGS[:2]), ["1 recorded calls never rang"], id="ring is missing"),
        pytest.param(a_reckoning(peak_live=3), ["3 calls at once, 2 allowed"], id="limit passed"),
        pytest.param(
            a_reckoning(counters={**COUNTERS, "pending": 1}),
            ["the counters sum to 4, not to 3"],
            id="wrong sum",
        ),
        pytest.param(
            a_reckoning(counters={"completed": 2, "failed": 1}),
            ["the counters and the contacts disagree"],
            id="counters differ from contacts",
        ),
        pytest.param(
            a_reckoning(
                contacts=[*CONTACTS[:2], a_contact("retrying", a_call("exec_4", "failed", None))],
                counters={"completed": 1, "max_retries_reached": 1, "retrying": 1},
            ),
            ["2 of 3 contacts reached an end"],
            id="contact left open",
        ),
        pytest.param(
            a_reckoning(contacts=CONTACTS[1:], counters={"max_retries_reached": 1, "failed": 1}),
            [
                "2 of 3 contacts reached an end",
                "the counters sum to 2, not to 3",
                "1 rings have no recorded attempt",
            ],
            id="contact lost",
        ),
    ],
)
def test_every_difference_is_named(reckoning: Reckoning, found: list[str]) -> None:
    assert faults(reckoning, contacts=3, limit=2) == found


def test_demo_in_which_no_phone_rang_proves_nothing() -> None:
    silent = a_reckoning((), contacts=[a_contact("skipped")], counters={"skipped": 1}, peak_live=0)

    assert faults(silent, contacts=1, limit=2) == ["no phone rang at all"]
    assert silent.answer_rate == 0.0


def test_ledger_of_the_simulator_is_read() -> None:
    body = {"rings": [{"execution_id": "exec_1", "to": "…"}, {"execution_id": None}, "odd"], "peak_live": 7}

    assert read_ledger(body) == Ledger(rings=["exec_1", None, None], peak_live=7)


@pytest.mark.parametrize("body", [None, [], {"rings": {}}, {"rings": []}])
def test_what_is_no_ledger_is_refused(body: object) -> None:
    with pytest.raises(ValueError, match="ledger"):
        read_ledger(body)
