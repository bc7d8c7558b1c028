"""Batches and their people as tables, and as lines in a pipe."""

import io

import pytest
from rich.console import Console

from console.listing import show_list
from tests.console.stand_in_api import StandInApi, a_batch, ok
from tests.console.terminal import apollo

CALL = {
    "execution_id": "exec_1",
    "attempt": 1,
    "kind": "initial",
    "call_status": "busy",
    "from_number": "+14155550180",
    "started_at": "2026-09-04T14:20:31Z",
    "duration_seconds": None,
    "hangup_reason": "Busy Here",
    "error": None,
}
WAITS = {
    "contact_id": "con_1",
    "position": 1,
    "external_id": "P-2207",
    "phone_number": "+14155550104",
    "call_variables": {"callee_name": "Ines Moreau"},
    "status": "retrying",
    "skip_reason": None,
    "retry_count": 0,
    "last_attempted_at": "2026-09-04T14:20:31Z",
    "next_retry_at": "2026-09-04T14:50:31Z",
    "follow_up_at": None,
    "call_records": [CALL],
}
NEVER_CALLED = {
    **WAITS,
    "contact_id": "con_2",
    "position": 2,
    "external_id": None,
    "call_variables": {},
    "status": "skipped",
    "skip_reason": "manual",
    "last_attempted_at": None,
    "next_retry_at": None,
    "call_records": [],
}


def test_batches_are_listed_a_line_each_with_their_progress() -> None:
    first = a_batch(completed=3, skipped=1, name="north side", created_at="2026-09-04T14:00:00Z")
    api = StandInApi(ok([first, a_batch("pending", batch_id="btc_2", name=None)]))

    result = apollo(api, "batches", "list")

    assert (result.exit_code, result.stdout.splitlines()) == (
        0,
        [
            "btc_1\tcmp_1\tnorth side\tin_progress\t4/10\t2026-09-04T14:00:00Z",
            "btc_2\tcmp_1\t\tpending\t0/10\t",
        ],
    )
    assert dict(api.requests[0].url.params) == {"skip": "0", "limit": "1000"}


def test_batches_are_asked_for_by_campaign_and_statuses() -> None:
    api = StandInApi(ok([]))

    apollo(api, *("batches", "list", "--campaign", "cmp_1", "--status", "paused", "--status", "pending"))

    assert api.requests[0].url.params.multi_items() == [
        ("campaign_id", "cmp_1"),
        ("status", "paused"),
        ("status", "pending"),
        ("skip", "0"),
        ("limit", "1000"),
    ]


@pytest.mark.parametrize("noun", ["batches", "campaigns"])
def test_everything_about_one_object_is_shown_field_by_field(noun: str) -> None:
    api = StandInApi(
        ok({"status": "paused", "name": None, "total_contacts": 40, "metadata": {"ticket": [118, "ü"]}})
    )

    result = apollo(api, noun, "show", "id_1")

    assert (result.exit_code, result.stdout.splitlines()) == (
        0,
        ["status\tpaused", "name\t", "total_contacts\t40", 'metadata\t{"ticket":[118,"ü"]}'],
    )
    assert (api.requests[0].method, api.requests[0].url.path) == ("GET", f"/api/v1/{noun}/id_1")


def test_contacts_are_listed_with_number_name_and_when_they_are_due() -> None:
    agreed = {**WAITS, "next_retry_at": None, "follow_up_at": "2026-09-05T16:00:00Z"}
    api = StandInApi(ok([WAITS, NEVER_CALLED, agreed]))

    result = apollo(api, "batches", "contacts", "btc_1", "--status", "retrying", "--status", "skipped")

    who = "1\tcon_1\t+14155550104\tInes Moreau\tP-2207\tretrying\t\t0\t2026-09-04T14:20:31Z"
    assert (result.exit_code, result.stdout.splitlines()) == (
        0,
        [
            f"{who}\t2026-09-04T14:50:31Z",
            "2\tcon_2\t+14155550104\t\t\tskipped\tmanual\t0\t\t",
            f"{who}\t2026-09-05T16:00:00Z",
        ],
    )
    assert api.requests[0].url.path == "/api/v1/batches/btc_1/contacts"
    assert api.requests[0].url.params.multi_items()[:2] == [("status", "retrying"), ("status", "skipped")]


def test_calls_are_listed_a_line_each_and_nobody_without_one() -> None:
    second = {**CALL, "attempt": 2, "kind": "retry", "call_status": "completed", "duration_seconds": 28}
    api = StandInApi(ok([{**WAITS, "call_records": [CALL, second]}, NEVER_CALLED]))

    result = apollo(api, "batches", "contacts", "btc_1", "--calls")

    who, call = "1\tcon_1\t+14155550104", "+14155550180\t2026-09-04T14:20:31Z"
    assert result.stdout.splitlines() == [
        f"{who}\t1\tinitial\tbusy\t{call}\t\tBusy Here\t\texec_1",
        f"{who}\t2\tretry\tcompleted\t{call}\t28\tBusy Here\t\texec_1",
    ]
    assert api.requests[0].url.params["include_calls"] == "true"


@pytest.mark.parametrize("is_terminal", [True, False])
def test_uploaded_text_neither_breaks_a_line_nor_steers_the_terminal(is_terminal: bool) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=is_terminal, width=80, color_system=None)

    show_list(("name",), [["Ines\tMo\nreau\x1b[2J"]], console)

    assert "Ines Mo reau [2J" in screen.getvalue()
    assert "\x1b" not in screen.getvalue()


def test_person_at_a_terminal_gets_names_above_the_columns() -> None:
    screen = io.StringIO()

    show_list(("batch", "status"), [["btc_1", "[red]"]], Console(file=screen, force_terminal=True, width=80))

    assert all(text in screen.getvalue() for text in ("batch", "status", "btc_1", "[red]"))


def test_batch_without_counters_is_refused_in_one_line() -> None:
    result = apollo(StandInApi(ok([{"batch_id": "btc_1"}])), "batches", "list")

    assert (result.exit_code, result.stderr) == (
        1,
        "apollo: The API answered with something else than a batch\n",
    )
