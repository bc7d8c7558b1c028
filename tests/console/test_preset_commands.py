"""Commands that show the presets a campaign may name."""

from tests.console.stand_in_api import StandInApi, ok
from tests.console.terminal import apollo

DAY = {"start": "09:00", "end": "20:00", "enabled": True}
SPLIT = {"windows": [{"start": "10:00", "end": "13:00"}, {"start": "14:00", "end": "20:00"}], "enabled": True}
CLOSED = {"windows": [], "enabled": False}
PRESET = {
    "name": "xx-calls",
    "title": "Nowhere: calls",
    "hours": {"monday": DAY, "tuesday": SPLIT, "sunday": CLOSED},
    "holidays": None,
    "frequency_caps": [{"max_calls": 3, "hours": 24, "counts": "attempts"}],
    "source": "Code 1, https://law.example/1",
    "checked_on": "2026-11-29",
    "notice": "Not legal advice.",
}


def test_list_shows_every_preset_with_its_source() -> None:
    api = StandInApi(ok([PRESET]))

    result = apollo(api, "presets", "list")

    assert [each.url.path for each in api.requests] == ["/api/v1/presets"]
    assert result.stdout == "xx-calls\tNowhere: calls\t2026-11-29\tCode 1, https://law.example/1\n"


def test_show_writes_hours_by_day_and_says_that_it_is_no_legal_advice() -> None:
    result = apollo(StandInApi(ok([PRESET])), "presets", "show", "xx-calls")

    assert result.stdout.splitlines()[2:5] == [
        "monday\t09:00-20:00",
        "tuesday\t10:00-13:00, 14:00-20:00",
        "sunday\tclosed",
    ]
    assert "notice\tNot legal advice." in result.stdout


def test_show_of_an_unknown_preset_tells_the_names_there_are() -> None:
    result = apollo(StandInApi(ok([PRESET])), "presets", "show", "tcpa")

    assert result.exit_code == 2
    assert "Not a preset; there are xx-calls" in result.stderr
