"""Many suppressed numbers as a CSV file in a form: all of them or none."""

import pytest

from api.suppressions import file as suppressions
from tests.api.test_csv_import import FORM, a_form
from tests.api.world import Json, World, a_problem, errors_of

PATH = "/api/v1/suppressions/import"
NUMBERS = ["+14155550123", "+14155550124"]
TOO_MANY = a_problem(413, "too-large", "Content Too Large", "A file is limited to 2 numbers")


async def _import(world: World, *parts: tuple[str, str | bytes]) -> Json:
    answer = await world.client.post(PATH, content=a_form(*parts), headers=FORM)
    assert answer.status_code == 200, answer.text
    report: Json = answer.json()
    return report


async def test_rows_are_listed_with_their_reasons_and_expiries(world: World) -> None:
    file = (
        "\ufeffreason,phone_number,expires_at\r\n"
        f'"by letter, twice",{NUMBERS[0]},2126-01-01T00:00:00+01:00\r\n\r\n'
        f",{NUMBERS[1]}\r\n"
    )
    report = await _import(world, ("file", file))
    assert report == {"received": 2, "added": 2, "updated": 0, "duplicates": 0}
    kept = {each.phone_number: each for each in world.tables.suppressions.values()}
    first, second = (kept[number] for number in NUMBERS)
    assert (first.reason, str(first.expires_at)) == ("by letter, twice", "2125-12-31 23:00:00+00:00")
    assert (second.reason, second.expires_at) == (None, None)


async def test_rows_of_blank_cells_are_passed_over(world: World) -> None:
    file = f'phone_number,reason,expires_at\n,,\n{NUMBERS[0]},  , \n"",""\n,,,,\n{NUMBERS[1]}\n'
    report = await _import(world, ("file", file))
    assert report == {"received": 2, "added": 2, "updated": 0, "duplicates": 0}
    assert {each.reason for each in world.tables.suppressions.values()} == {None}


async def test_known_numbers_are_updated_and_repeated_rows_dropped(world: World) -> None:
    await _import(world, ("file", f"phone_number\n{NUMBERS[0]}\n"))
    file = f"phone_number,reason\n{NUMBERS[0]},new\n{NUMBERS[1]},first\n{NUMBERS[1]},second\n"
    report = await _import(world, ("file", file))
    assert report == {"received": 3, "added": 1, "updated": 1, "duplicates": 1}
    reasons = {each.phone_number: each.reason for each in world.tables.suppressions.values()}
    assert reasons == dict(zip(NUMBERS, ("new", "first"), strict=True))


@pytest.mark.parametrize(
    ("file", "place", "code"),
    [
        pytest.param("", ["file", 1, "phone_number"], "missing", id="empty file"),
        pytest.param("phone_number\n", ["file"], "too_short", id="no row"),
        pytest.param("reason\nx\n", ["file", 1, "phone_number"], "missing", id="no number column"),
        pytest.param("phone_number,why\n", ["file", 1, "why"], "extra_forbidden", id="unknown column"),
        pytest.param(
            "phone_number,phone_number\n", ["file", 1, "phone_number"], "column_repeated", id="column twice"
        ),
        pytest.param(
            f"phone_number\n{NUMBERS[0]}\n\n415\n", ["file", 3, "phone_number"], "phone_number", id="number"
        ),
        pytest.param(
            f"phone_number,reason\n,x\n{NUMBERS[0]}\n",
            ["file", 2, "phone_number"],
            "missing",
            id="no number in a row",
        ),
        pytest.param(f"phone_number\n{NUMBERS[0]},x\n", ["file", 2, 2], "surplus_cell", id="surplus cell"),
        pytest.param(
            f"phone_number,reason\n{NUMBERS[0]},{'x' * 256}\n",
            ["file", 2, "reason"],
            "string_too_long",
            id="long reason",
        ),
        pytest.param(
            f"phone_number,expires_at\n{NUMBERS[0]},2020-01-01T00:00:00Z\n",
            ["file", 2, "expires_at"],
            "past_expiry",
            id="expired already",
        ),
        pytest.param(
            f"phone_number,expires_at\n{NUMBERS[0]},soon\n", ["file", 2, "expires_at"], "datetime", id="soon"
        ),
        pytest.param(b"phone_number\n\xff\n", ["file", 2], "text_invalid", id="no UTF-8"),
    ],
)
async def test_wrong_file_is_422_with_the_row_and_nothing_is_listed(
    world: World, file: str | bytes, place: list[str | int], code: str
) -> None:
    answer = await world.client.post(PATH, content=a_form(("file", file)), headers=FORM)
    assert errors_of(answer) == [(place, code)]
    assert world.tables.suppressions == {}


async def test_unknown_field_and_missing_file_are_422(world: World) -> None:
    answer = await world.client.post(PATH, content=a_form(("reason", "x")), headers=FORM)
    assert errors_of(answer) == [(["body", "reason"], "extra_forbidden"), (["body", "file"], "missing")]


async def test_anything_but_a_form_is_415(world: World) -> None:
    answer = await world.client.post(PATH, json={"phone_number": NUMBERS[0]})
    assert answer.status_code == 415
    assert answer.json()["detail"] == "Send multipart/form-data without Content-Encoding"


async def test_file_of_too_many_rows_is_413(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suppressions, "MAX_NUMBERS", 2)
    file = "phone_number\n" + "\n".join([*NUMBERS, NUMBERS[0]]) + "\n"
    answer = await world.client.post(PATH, content=a_form(("file", file)), headers=FORM)
    assert (answer.status_code, answer.json()) == (413, TOO_MANY)
    assert world.tables.suppressions == {}


async def test_import_told_again_lists_nobody_twice(world: World) -> None:
    file = "phone_number\n" + "\n".join(NUMBERS) + "\n"
    await _import(world, ("file", file))
    assert await _import(world, ("file", file)) == {
        "received": 2,
        "added": 0,
        "updated": 2,
        "duplicates": 0,
    }
    assert len(world.tables.suppressions) == 2
