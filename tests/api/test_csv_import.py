"""Batches whose contacts come as a CSV file in a form: the rules of JSON rows, and those of the file."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.batches import upload
from api.batches.schemas import MAX_CONTACTS, BatchHead
from api.http.csv_file import CsvFile
from domain.identity import BatchId
from tests.api.world import Json, World, a_batch_body, a_problem, created, errors_of
from tests.examples import examples

UPLOAD = "/api/v1/batches/upload"
GOOD = "phone_number\n+14155550104\n"
BOUNDARY = "XoX"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}

Parts = Sequence[tuple[str, str | bytes]]


def a_form(*parts: tuple[str, str | bytes]) -> bytes:
    """A form of parts in this order; the part `file` has a file name."""
    written = bytearray()
    for name, content in parts:
        file_name = '; filename="people.csv"' if name == "file" else ""
        written += (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{file_name}\r\n\r\n'.encode()
        )
        written += (content.encode() if isinstance(content, str) else content) + b"\r\n"
    return bytes(written) + f"--{BOUNDARY}--\r\n".encode()


async def _send(world: World, parts: Parts, headers: Mapping[str, str] = {}) -> httpx.Response:
    campaign_id = next(iter(world.tables.campaigns), None)
    if campaign_id is None:
        campaign_id = (await world.create_campaign())["campaign_id"]
    content = a_form(("campaign_id", campaign_id), *parts)
    return await world.client.post(UPLOAD, content=content, headers={**FORM, **headers})


async def _import(world: World, file: str | bytes, **fields: str) -> httpx.Response:
    return await _send(world, [*fields.items(), ("file", file)])


def _people(world: World, batch: Json) -> "list[Person]":
    return [
        (each.phone_number, each.external_id, each.timezone, dict(each.call_variables))
        for each in world.tables.contacts_of(BatchId(batch["batch_id"]))
    ]


Person = tuple[str, str | None, str | None, dict[str, object]]
ANN: Person = ("+14155550104", None, None, {})


@pytest.mark.parametrize(
    ("file", "people"),
    [
        pytest.param(GOOD, [ANN], id="one column"),
        pytest.param("mobile_number\n+14155550104\n", [ANN], id="mobile_number"),
        pytest.param(
            "mobile_number,phone_number\n+14155550199,+14155550104\n",
            [("+14155550104", None, None, {"mobile_number": "+14155550199"})],
            id="phone_number wins over mobile_number, which becomes a variable",
        ),
        pytest.param(
            "phone_number,external_id,timezone\n+14155550104,P-1,America/Denver\n",
            [("+14155550104", "P-1", "America/Denver", {})],
            id="external_id and timezone are fields",
        ),
        pytest.param(
            "callee_name,phone_number,due,n\nInes Moreau,+14155550104,2026-09-18,7\n",
            [("+14155550104", None, None, {"callee_name": "Ines Moreau", "due": "2026-09-18", "n": "7"})],
            id="other columns are variables and always text",
        ),
        pytest.param(
            'callee_name,phone_number\n"Brandt, ""Lena""",+14155550104\n',
            [("+14155550104", None, None, {"callee_name": 'Brandt, "Lena"'})],
            id="quoted comma and quotes",
        ),
        pytest.param(
            'note,phone_number\r\n"one\r\ntwo\nthree\rfour",+14155550104\r\n',
            [("+14155550104", None, None, {"note": "one\r\ntwo\nthree\rfour"})],
            id="line ends within quotes are kept as they are",
        ),
        pytest.param(
            "phone_number,external_id,timezone,due,note\n+14155550104,,,, \n",
            [("+14155550104", None, None, {"note": " "})],
            id="empty cells are left out, blanks are text",
        ),
        pytest.param(
            "phone_number,external_id,timezone\n+14155550104, , America/Denver \n",
            [("+14155550104", None, "America/Denver", {})],
            id="blank reference, and blanks around the zone",
        ),
        pytest.param(
            "phone_number,due\n,\n+14155550104\n , \n,,,\n", [ANN], id="rows of blank cells, however many"
        ),
        pytest.param('phone_number\n""\n+14155550104\n" "\n', [ANN], id="blank cells in quotes"),
        pytest.param(
            "phone_number,last_transcript,summary\n+14155550104,Hello.,x\n",
            [(*ANN[:3], {"summary": "x"})],
            id="how the last call went",
        ),
        pytest.param(
            "execution_id,phone_number,provider,summary,error,due\nexec_1,+14155550104,a,b,c,d\n",
            [(*ANN[:3], {"due": "d"})],
            id="how a call went",
        ),
        pytest.param(
            "phone_number,provider,summary\n+14155550104,Dr. Lee,b\n",
            [(*ANN[:3], {"provider": "Dr. Lee", "summary": "b"})],
            id="a client's own words",
        ),
        pytest.param("phone_number,due\n+14155550104\n", [ANN], id="missing cell at the end"),
        pytest.param(
            " phone_number , due \n+14155550104,x\n", [(*ANN[:3], {"due": "x"})], id="trimmed names"
        ),
        pytest.param("phone_number,Due,due\n+14155550104,x\n", [(*ANN[:3], {"Due": "x"})], id="case matters"),
        pytest.param("phone_number\n +14155550104 \n", [ANN], id="trimmed number"),
        pytest.param("\r\n\nphone_number\r\n  \r\n+14155550104\r\n\r\n", [ANN], id="blank lines and CRLF"),
        pytest.param("phone_number\n+14155550104", [ANN], id="no line end at the end"),
        pytest.param("\ufeffphone_number\n+14155550104\n", [ANN], id="byte order mark"),
        pytest.param(
            '\ufeff"phone_number";x'.replace(";", ",") + "\r\n+14155550104,Zoë 👋\r\n",
            [(*ANN[:3], {"x": "Zoë 👋"})],
            id="byte order mark before quotes, and letters beyond ASCII",
        ),
    ],
)
async def test_file_is_read_as_it_is_meant(world: World, file: str, people: list[Any]) -> None:
    batch = created(await _import(world, file))

    assert _people(world, batch) == people
    assert batch["import_report"] == {"received": 1, "accepted": 1, "invalid": 0, "duplicates": 0}
    assert list(world.engine.started) == [batch["batch_id"]]


@pytest.mark.parametrize(
    ("file", "errors"),
    [
        pytest.param("", [(["file", 1], "missing")], id="empty file"),
        pytest.param("\ufeff\n \n", [(["file", 1], "missing")], id="blank file"),
        pytest.param("phone_number\n", [(["file"], "too_short")], id="header only"),
        pytest.param("phone_number\n\r\n\n", [(["file"], "too_short")], id="header and blank lines"),
        pytest.param("phone_number,due\n,\n , \n", [(["file"], "too_short")], id="header and blank cells"),
        pytest.param("name,due\nx,y\n", [(["file", 1, "phone_number"], "missing")], id="no number column"),
        pytest.param("Phone_Number\nx\n", [(["file", 1, "phone_number"], "missing")], id="wrong case"),
        pytest.param("phone_number; due\nx;y\n", [(["file", 1, "phone_number"], "missing")], id="semicolons"),
        pytest.param(
            "phone_number,, \nx\n",
            [(["file", 1, 2], "column_unnamed"), (["file", 1, 3], "column_unnamed")],
            id="columns without a name",
        ),
        pytest.param(
            "due,phone_number, due\nx\n", [(["file", 1, "due"], "column_repeated")], id="repeated name"
        ),
        pytest.param(b"phone_number\n+14155550104\n\xff\n", [(["file", 3], "text_invalid")], id="not UTF-8"),
        pytest.param(GOOD.encode("utf-16"), [(["file", 1], "text_invalid")], id="UTF-16"),
        pytest.param(GOOD + "+1415\0\n", [(["file", 3], "unstorable_text")], id="NUL"),
        pytest.param(GOOD + '"+1415"5\n', [(["file", 3], "csv")], id="text behind a closing quote"),
        pytest.param(GOOD + '"+14155550105\n', [(["file", 3], "csv")], id="quote never closed"),
        pytest.param("phone_number\r+14155550104\r", [(["file", 1], "csv")], id="CR alone"),
    ],
)
@pytest.mark.parametrize("on_invalid", ["reject", "skip"])
async def test_file_that_is_no_list_of_contacts_is_422_and_says_where(
    world: World, file: str | bytes, errors: list[Any], on_invalid: str
) -> None:
    answer = await _import(world, file, on_invalid=on_invalid)

    assert errors_of(answer) == errors
    assert world.is_empty()


async def test_every_fault_is_counted_and_a_hundred_are_listed(world: World) -> None:
    header = await _import(world, "phone_number" + "," * 150 + "\n")
    rows = await _import(world, "phone_number\n" + "x\n" * 150)

    for answer in (header, rows):
        assert len(errors_of(answer)) == 100
        assert answer.json()["error_count"] == 150


BAD_ROWS = [
    pytest.param("+14155550105,,,x,y", 5, "surplus_cell", id="more cells than the header"),
    pytest.param("+14155550105,,,x,", 5, "surplus_cell", id="an empty one too many"),
    pytest.param(",P-1", "mobile_number", "missing", id="no number"),
    pytest.param(" ,P-1", "mobile_number", "missing", id="blank number"),
    pytest.param("4155550105", "mobile_number", "phone_number", id="not E.164"),
    pytest.param("+14155550105,,Nowhere", "timezone", "timezone", id="zone"),
    pytest.param(f"+14155550105,{'x' * 256}", "external_id", "string_too_long", id="long reference"),
    pytest.param(f"+14155550105,,,{'x' * 16_400}", "call_variables", "too_large", id="over 16 KB"),
    pytest.param(f"+14155550105,,,{'x' * 200_000}", "call_variables", "too_large", id="over any cell"),
]
FOUR_COLUMNS = "mobile_number,external_id,timezone,due\n"


@pytest.mark.parametrize(("row", "column", "code"), BAD_ROWS)
async def test_one_bad_row_refuses_the_file_naming_row_and_column(
    world: World, row: str, column: str | int, code: str
) -> None:
    answer = await _import(world, f'{FOUR_COLUMNS}+14155550104,,,"two\nlines"\n\n{row}\n')

    assert errors_of(answer) == [(["file", 3, column], code)]
    assert world.is_empty()


@pytest.mark.parametrize(("row", "column", "code"), BAD_ROWS)
async def test_bad_row_is_stored_as_skipped_on_request(
    world: World, row: str, column: str | int, code: str
) -> None:
    batch = created(await _import(world, f"{FOUR_COLUMNS}{row}\n+14155550104\n", on_invalid="skip"))

    bad, good = world.tables.contacts_of(BatchId(batch["batch_id"]))
    assert batch["import_report"] == {"received": 2, "accepted": 1, "invalid": 1, "duplicates": 0}
    assert (bad.status, good.status) == ("skipped", "pending")
    assert (bad.skip_detail or "").startswith(f"{column}: ")


async def test_only_bad_rows_are_422_also_when_bad_rows_are_skipped(world: World) -> None:
    answer = await _import(world, "phone_number\n1\n2\n", on_invalid="skip")

    assert errors_of(answer) == [(["file"], "no_valid_contact")]


async def test_later_rows_with_the_same_number_are_dropped_or_named(world: World) -> None:
    file = "mobile_number,due\n+14155550104,1\n+14155550105,2\n +14155550104,3\n"
    refused = await _import(world, file, on_duplicate="reject")
    batch = created(await _import(world, file))

    assert errors_of(refused) == [(["file", 4, "mobile_number"], "duplicate")]
    assert refused.json()["errors"][0]["msg"] == "Same number as row 2"
    assert batch["import_report"] == {"received": 3, "accepted": 2, "invalid": 0, "duplicates": 1}
    assert [variables["due"] for *_, variables in _people(world, batch)] == ["1", "2"]


async def test_every_field_of_the_form_means_what_it_means_in_json(world: World) -> None:
    campaign = await world.create_campaign()
    day = {"enabled": True, "start": "10:00", "end": "11:00"}
    week = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    fields: dict[str, Any] = {
        "organization_id": "org_demo",
        "name": "10",
        "scheduled_start": "2026-09-07T08:00:00",
        "scheduled_end": "2026-09-08T08:00:00Z",
        "concurrency_limit": 10,
        "max_retries_override": 1,
        "call_context": {"a": [1, None, "ü"]},
        "metadata": {},
        "timezone": "America/Denver",
        "working_hours_enforced": True,
        "working_hours": dict.fromkeys(week, day),
        "retry_policy": {"max_retries": 2},
        "phone_numbers": ["+14155550181"],
        "phone_number_strategy": "random",
    }
    as_text = {key: value if isinstance(value, str) else json.dumps(value) for key, value in fields.items()}

    from_json = await world.client.post(
        UPLOAD, json=a_batch_body(campaign["campaign_id"], ["+14155550104"], **fields)
    )
    from_form = await _import(world, GOOD, **as_text)

    differing = {"batch_id": None}
    assert {**created(from_form), **differing} == {**created(from_json), **differing}


@pytest.mark.parametrize("blank", ["", " ", "\r\n"])
async def test_field_left_blank_is_absent(world: World, blank: str) -> None:
    names = [name for name in BatchHead.model_fields if name != "campaign_id"]

    plain = created(await _import(world, GOOD))
    with_blanks = created(await _import(world, GOOD, **dict.fromkeys(names, blank)))

    differing = {"batch_id": None}
    assert {**with_blanks, **differing} == {**plain, **differing}


@pytest.mark.parametrize(
    ("parts", "errors"),
    [
        pytest.param([], [(["body", "file"], "missing")], id="no file"),
        pytest.param(
            [("contacts", "[]"), ("file", GOOD)], [(["body", "contacts"], "extra_forbidden")], id="contacts"
        ),
        pytest.param([("nmae", "x"), ("file", GOOD)], [(["body", "nmae"], "extra_forbidden")], id="unknown"),
        pytest.param(
            [("name", "a"), ("name", "b"), ("file", GOOD)], [(["body", "name"], "repeated")], id="repeated"
        ),
        pytest.param([("file", GOOD), ("file", GOOD)], [(["body", "file"], "repeated")], id="two files"),
        pytest.param(
            [("concurrency_limit", "ten"), ("file", GOOD)],
            [(["body", "concurrency_limit"], "int_type")],
            id="no number",
        ),
        pytest.param(
            [("nmae", " "), ("file", GOOD)], [(["body", "nmae"], "extra_forbidden")], id="unknown and blank"
        ),
        pytest.param(
            [("working_hours_enforced", "yes"), ("file", GOOD)],
            [(["body", "working_hours_enforced"], "bool_type")],
            id="no boolean",
        ),
        pytest.param(
            [("metadata", "{"), ("file", GOOD)], [(["body", "metadata"], "json_invalid")], id="broken JSON"
        ),
        pytest.param(
            [("metadata", '{"a": NaN}'), ("file", GOOD)],
            [(["body", "metadata"], "json_invalid")],
            id="NaN",
        ),
        pytest.param(
            [("metadata", '{"a": "\\u0000"}'), ("file", GOOD)],
            [(["body", "metadata", "a"], "unstorable_text")],
            id="NUL in JSON",
        ),
        pytest.param(
            [("call_context", "[" * 65 + "]" * 65), ("file", GOOD)],
            [(["body", "call_context"], "json_invalid")],
            id="too deep",
        ),
        pytest.param(
            [("phone_numbers", "+14155550181"), ("file", GOOD)],
            [(["body", "phone_numbers"], "json_invalid")],
            id="array as plain text",
        ),
        pytest.param([("name", "\0"), ("file", GOOD)], [(["body", "name"], "unstorable_text")], id="NUL"),
        pytest.param(
            [("name", b"\xff"), ("file", GOOD)], [(["body", "name"], "text_invalid")], id="no UTF-8"
        ),
        pytest.param(
            [("name", "x" * 1_100_000), ("file", GOOD)], [(["body", "name"], "too_large")], id="over 1 MB"
        ),
        pytest.param(
            [("name", "x" * 256), ("file", "x")],
            [(["body", "name"], "string_too_long"), (["file", 1, "phone_number"], "missing")],
            id="both field and file are told",
        ),
    ],
)
async def test_form_with_a_wrong_field_is_422_and_names_it(
    world: World, parts: Parts, errors: list[Any]
) -> None:
    answer = await _send(world, parts)

    assert errors_of(answer) == errors
    assert world.is_empty()


WHOLE = a_form(("file", GOOD), ("scheduled_start", "2030-01-01T00:00:00Z"))
CUT_AFTER_THE_FILE = WHOLE[: WHOLE.index(b"Content-Disposition", len(BOUNDARY) + 10)]


@pytest.mark.parametrize(
    ("headers", "content"),
    [
        pytest.param(FORM, b"", id="empty"),
        pytest.param(FORM, b"phone_number\n", id="no form"),
        pytest.param(FORM, a_form(("file", GOOD))[:-6], id="cut off"),
        pytest.param(FORM, CUT_AFTER_THE_FILE, id="cut off between its fields"),
        pytest.param({"Content-Type": "multipart/form-data"}, a_form(("file", GOOD)), id="no boundary"),
        pytest.param({"Content-Type": f"multipart/form-data; boundary={'x' * 300}"}, b"", id="long boundary"),
        pytest.param(FORM, a_form(*[(f"f{number}", "") for number in range(101)]), id="too many parts"),
        pytest.param(FORM, f"--{BOUNDARY}\r\n\r\nx\r\n--{BOUNDARY}--\r\n".encode(), id="part without a name"),
    ],
)
async def test_body_that_is_no_form_is_422(world: World, headers: dict[str, str], content: bytes) -> None:
    answer = await world.client.post(UPLOAD, content=content, headers=headers)

    assert errors_of(answer) == [(["body"], "form_invalid")]


@pytest.mark.parametrize(
    ("path", "headers", "accepted"),
    [
        pytest.param("/api/v1/batches/", FORM, "application/json", id="a form where JSON is due"),
        pytest.param(
            UPLOAD, {**FORM, "Content-Encoding": "gzip"}, "application/json or multipart/form-data", id="gzip"
        ),
        pytest.param(
            UPLOAD, {"Content-Type": "text/csv"}, "application/json or multipart/form-data", id="csv"
        ),
    ],
)
async def test_other_media_types_are_415_and_name_what_is_accepted(
    world: World, path: str, headers: dict[str, str], accepted: str
) -> None:
    answer = await world.client.post(path, content=a_form(("file", GOOD)), headers=headers)

    detail = f"Send {accepted} without Content-Encoding"
    assert answer.json() == a_problem(415, "unsupported-media-type", "Unsupported Media Type", detail)


async def test_form_over_50_megabytes_is_413_also_when_it_is_broken_and_says_no_length(world: World) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(51):
            yield b"x" * 1024 * 1024

    answer = await world.client.post(UPLOAD, content=chunks(), headers=FORM)

    detail = "Request body is limited to 50 MB (52,428,800 bytes)"
    assert answer.json() == a_problem(413, "too-large", "Content Too Large", detail)


async def test_more_rows_than_a_batch_may_have_are_413_also_when_they_are_bad(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "MAX_CONTACTS", 1000)
    answer = await _import(world, "phone_number\n" + "1\n" * 1001)

    detail = "A batch is limited to 1,000 contacts"
    assert MAX_CONTACTS == 100_000
    assert answer.json() == a_problem(413, "too-large", "Content Too Large", detail)
    assert world.is_empty()


async def test_token_is_asked_before_a_file_is_read(world: World) -> None:
    answer = await world.client.post(UPLOAD, content=b"", headers={**FORM, "Authorization": ""})

    assert answer.status_code == 401


KEY = {"Idempotency-Key": "monday"}


async def test_same_people_again_are_answered_from_memory_however_the_file_is_written(world: World) -> None:
    parts = [("name", "a"), ("file", "phone_number,due\n+14155550104,1\n+14155550105\n")]
    rewritten = [("file", '\ufeffdue,"phone_number"\r\n1,+14155550104\r\n\r\n,+14155550105'), ("name", "a")]

    first = await _send(world, parts, KEY)
    second = await _send(world, rewritten, KEY)

    assert (second.status_code, second.headers["idempotency-replayed"]) == (201, "true")
    assert second.content == first.content
    assert len(world.engine.started) == 1


@pytest.mark.parametrize(
    "other",
    [
        pytest.param([("name", "a"), ("file", "phone_number,due\n+14155550104,2\n")], id="a cell"),
        pytest.param([("name", "a"), ("file", "phone_number,Due\n+14155550104,1\n")], id="a column"),
        pytest.param([("name", "b"), ("file", "phone_number,due\n+14155550104,1\n")], id="a field"),
    ],
)
async def test_other_people_or_fields_with_the_same_key_are_422(world: World, other: Parts) -> None:
    created(await _send(world, [("name", "a"), ("file", "phone_number,due\n+14155550104,1\n")], KEY))
    answer = await _send(world, other, KEY)

    assert errors_of(answer) == [(["header", "Idempotency-Key"], "idempotency_mismatch")]


async def test_many_files_at_once_are_all_taken(world: World) -> None:
    await world.create_campaign()
    answers = await asyncio.gather(*(_import(world, GOOD) for _ in range(6)))

    assert [each.status_code for each in answers] == [201] * 6


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
HOSTILE = st.sampled_from(
    ['"', '""', "a,b", "\r", "\n", "\r\n", "=1+1", "@x", "-5", "+1", "'", "🙂", "\t", ""]
)


@examples(150, derandomize=True, database=None)
@given(rows=st.lists(st.lists(TEXT | HOSTILE, min_size=2, max_size=2), min_size=1, max_size=5))
def test_cells_are_read_as_they_were_written(rows: list[list[str]]) -> None:
    written = io.StringIO(newline="")
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerows([["phone_number", "a", "b"], *(["+1", *row] for row in rows)])

    read = [
        each.contact["call_variables"] for each in CsvFile(io.BytesIO(written.getvalue().encode())).rows()
    ]

    assert read == [{name: cell for name, cell in zip("ab", row, strict=True) if cell} for row in rows]
