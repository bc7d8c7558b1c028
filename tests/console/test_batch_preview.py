"""`apollo batches preview`: one request, and tables of what it answers."""

from pathlib import Path

import pytest

from console.batch_preview import HOURS_SHOWN
from tests.console.stand_in_api import StandInApi, a_problem, form_of, ok
from tests.console.terminal import apollo

PEOPLE = "phone_number\n+14155550101\n"
EXPECTED = {
    "accepted": 40,
    "invalid": 0,
    "duplicates": 1,
    "suppressed": 2,
    "capped": 3,
    "on_another_call": 0,
    "by_timezone": [{"timezone": "America/Chicago", "contacts": 40, "opens_at": "2026-09-04T14:00:00Z"}],
    "first_call_at": "2026-09-04T14:00:00Z",
    "finishes_at": {"p50": "2026-09-04T16:10:00Z", "p90": "2026-09-04T16:30:00Z"},
    "calls_expected": 90,
    "minutes_expected": 61.5,
    "cost_expected": None,
    "expired_expected": 0,
    "calls_by_hour": [
        {"hour": "2026-09-04T14:00:00Z", "calls": 60},
        {"hour": "2026-09-04T15:00:00Z", "calls": 30},
    ],
    "assumptions": {"rates_from": "defaults", "notes": ["one", "two"]},
}


@pytest.fixture
def people(tmp_path: Path) -> str:
    path = tmp_path / "people.csv"
    path.write_text(PEOPLE)
    return str(path)


def test_preview_sends_the_file_without_a_key_and_shows_what_is_expected(people: str) -> None:
    api = StandInApi(ok(EXPECTED))

    result = apollo(api, "batches", "preview", people, "--campaign", "cmp_1", "--concurrency", "5")

    (request,) = api.requests
    assert (request.method, request.url.path) == ("POST", "/api/v1/batches/preview")
    assert form_of(request) == {"campaign_id": "cmp_1", "concurrency_limit": "5", "file": PEOPLE}
    assert "Idempotency-Key" not in request.headers
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[:6] == [
        *("accepted\t40", "invalid\t0", "duplicates\t1", "suppressed\t2", "capped\t3", "on_another_call\t0")
    ]
    assert "finishes_at.p90\t2026-09-04T16:30:00Z" in lines
    assert "America/Chicago\t40\t2026-09-04T14:00:00Z" in lines
    assert lines[-2:] == ["notes\tone", "notes\ttwo"]


def test_bars_are_as_long_as_the_hours_share_of_the_busiest_one(people: str) -> None:
    result = apollo(StandInApi(ok(EXPECTED)), "batches", "preview", people, "--campaign", "cmp_1")

    bars = [line for line in result.stdout.splitlines() if "█" in line]
    assert bars == [f"2026-09-04T14:00:00Z\t60\t{'█' * 40}", f"2026-09-04T15:00:00Z\t30\t{'█' * 20}"]


def test_only_so_many_hours_are_shown(people: str) -> None:
    hours = [{"hour": f"hour {each}", "calls": 1} for each in range(HOURS_SHOWN + 5)]
    api = StandInApi(ok({**EXPECTED, "calls_by_hour": hours}))

    result = apollo(api, "batches", "preview", people, "--campaign", "cmp_1")

    assert result.stdout.count("█" * 40) == HOURS_SHOWN


def test_nobody_to_call_is_shown_without_times_and_bars(people: str) -> None:
    nobody: dict[str, object] = {
        "first_call_at": None,
        "finishes_at": {"p50": None, "p90": None},
        "calls_by_hour": [],
    }
    api = StandInApi(ok({**EXPECTED, **nobody}))

    result = apollo(api, "batches", "preview", people, "--campaign", "cmp_1")

    assert "first_call_at\t\nfinishes_at.p50\t\nfinishes_at.p90\t\n" in result.stdout
    assert "█" not in result.stdout


def test_file_that_is_not_there_asks_nothing() -> None:
    api = StandInApi(ok(EXPECTED))

    result = apollo(api, "batches", "preview", "/nowhere/people.csv", "--campaign", "cmp_1")

    assert (result.exit_code, api.requests) == (2, [])


def test_refusal_is_told_in_the_words_of_the_api(people: str) -> None:
    api = StandInApi(a_problem(404, "Campaign not found"))

    result = apollo(api, "batches", "preview", people, "--campaign", "cmp_9")

    assert result.exit_code == 1
    assert "Campaign not found" in result.stderr
