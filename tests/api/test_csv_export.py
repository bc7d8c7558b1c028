"""Batches as CSV files: every column, safe cells, and an end only where the batch ends."""

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.assembly import install
from api.export.columns import ExportRows, cell, columns, guarded, guarded_number
from api.export.csv import CsvExport, csv_bytes
from domain.call import AttemptKind, CallRecord, CallStatus
from domain.contact import Contact, ContactStatus
from domain.errors import BatchNotFound, StoreUnavailable
from domain.identity import BatchId, ExecutionId
from tests import fakes
from tests.api.world import OTHER_SECRET, SECRET, Json, World, a_problem, bearer
from tests.builders import a_call_record, a_contact
from tests.examples import examples
from tests.telephony.world import served

CONTACT_COLUMNS = [
    "contact_id",
    "external_id",
    "phone_number",
    "callee_name",
    "status",
    "skip_reason",
    "retry_count",
    "follow_up_count",
    "last_attempted_at",
    "next_retry_at",
    "last_execution_id",
    "last_attempt",
    "last_kind",
    "last_call_status",
    "last_from_number",
    "last_started_at",
    "last_answered_at",
    "last_ended_at",
    "last_duration_seconds",
    "last_hangup_by",
    "last_hangup_reason",
    "last_sip_status",
    "last_total_cost",
    "last_sentiment",
    "last_summary",
    "last_transcript",
    "last_recording_url",
    "last_error",
    "last_answered_by",
    "last_disposition",
    "last_disposition_note",
    "not_before",
    "priority",
]
CALL_COLUMNS = [
    "contact_id",
    "external_id",
    "phone_number",
    "callee_name",
    "execution_id",
    "attempt",
    "kind",
    "call_status",
    "provider",
    "provider_call_id",
    "from_number",
    "to_number",
    "started_at",
    "answered_at",
    "ended_at",
    "duration_seconds",
    "hangup_by",
    "hangup_reason",
    "sip_status",
    "total_cost",
    "sentiment",
    "summary",
    "transcript",
    "recording_url",
    "error",
    "answered_by",
    "disposition",
    "disposition_note",
]
SOME_DAY = datetime(2026, 9, 4, 14, 0, 0, 250_000, tzinfo=UTC)


async def _a_batch(world: World, contacts: Sequence[dict[str, object]]) -> Json:
    campaign = await world.create_campaign()
    return await world.create_batch(campaign["campaign_id"], contacts=list(contacts))


async def _export(world: World, batch: Json, **query: str) -> httpx.Response:
    return await world.client.get(f"/api/v1/batches/{batch['batch_id']}/export.csv", params=query)


def _read(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


async def test_row_per_contact_holds_its_newest_call_and_its_variables(world: World) -> None:
    people: list[dict[str, object]] = [
        {
            "phone_number": "+14155550104",
            "external_id": "P-1",
            "call_variables": {"callee_name": "Ina", "b": 1},
        },
        {"phone_number": "+14155550105", "call_variables": {"Z": [1, "ä"], "b": None}},
    ]
    batch = await _a_batch(world, people)
    called, waiting = world.tables.contacts_of(BatchId(batch["batch_id"]))
    call = await world.dial(called.contact_id, 1, AttemptKind.INITIAL)
    world.tables.calls[call.execution_id] = replace(
        call,
        call_status=CallStatus.COMPLETED,
        answered_at=SOME_DAY,
        duration_seconds=28,
        total_cost=2.0,
        summary="-5 %",
    )

    answer = await _export(world, batch)

    header = answer.content.split(b"\r\n")[0].decode()
    first, second = _read(answer)
    assert header == ",".join([*CONTACT_COLUMNS, "vars.Z", "vars.b"])
    blank = dict.fromkeys([*CONTACT_COLUMNS, "vars.Z", "vars.b"], "")
    assert first == blank | {
        "contact_id": called.contact_id,
        "external_id": "P-1",
        "phone_number": "+14155550104",
        "callee_name": "Ina",
        "status": "dispatched",
        "retry_count": "0",
        "follow_up_count": "0",
        "last_attempted_at": "2026-09-04T12:00:00Z",
        "last_execution_id": call.execution_id,
        "last_attempt": "1",
        "last_kind": "initial",
        "last_call_status": "completed",
        "last_from_number": "+14155550180",
        "last_started_at": "2026-09-04T12:00:00Z",
        "last_answered_at": "2026-09-04T14:00:00.250Z",
        "last_duration_seconds": "28",
        "last_total_cost": "2",
        "last_summary": "'-5 %",
        "priority": "0",
        "vars.b": "1",
    }
    assert second == blank | {
        "contact_id": waiting.contact_id,
        "phone_number": "+14155550105",
        "status": "pending",
        "retry_count": "0",
        "follow_up_count": "0",
        "priority": "0",
        "vars.Z": '[1,"ä"]',
    }


async def test_row_per_call_leaves_out_whom_nobody_called(world: World) -> None:
    batch = await _a_batch(world, [{"phone_number": "+14155550104"}, {"phone_number": "+14155550105"}])
    call = await world.dial_first(batch)
    retry = replace(
        call,
        execution_id=ExecutionId(f"{call.execution_id}b"),
        attempt=2,
        kind=AttemptKind.RETRY,
        provider=None,
        error="x",
    )
    world.tables.calls[retry.execution_id] = retry

    answer = await _export(world, batch, rows="calls")

    first, second = _read(answer)
    assert list(first) == CALL_COLUMNS
    assert (first["execution_id"], first["attempt"], first["kind"]) == (call.execution_id, "1", "initial")
    assert (second["execution_id"], second["attempt"], second["kind"]) == (retry.execution_id, "2", "retry")
    assert (first["to_number"], first["provider"], first["provider_call_id"]) == (
        "+14155550104",
        "fake",
        call.provider_call_id,
    )
    assert (second["provider"], second["error"]) == ("", "x")


async def test_file_is_named_after_its_batch_and_has_a_header_without_rows_too(world: World) -> None:
    batch = await _a_batch(world, [{"phone_number": "+14155550104"}])

    answer = await _export(world, batch, rows="calls")

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="{batch["batch_id"]}.csv"'
    assert answer.content == ",".join(CALL_COLUMNS).encode() + b"\r\n"


async def test_file_of_many_stretches_holds_everybody_once_and_in_order(world: World) -> None:
    numbers = [f"+1415{5000000 + number}" for number in range(1200)]
    campaign = await world.create_campaign()
    batch = await world.create_batch(campaign["campaign_id"], numbers)

    rows = _read(await _export(world, batch))

    assert [row["phone_number"] for row in rows] == numbers


async def test_retry_time_is_shown_only_while_the_contact_waits_for_it() -> None:
    (column,) = (each for each in columns(ExportRows.CONTACTS, ()) if each.name == "next_retry_at")
    waiting = a_contact(status=ContactStatus.RETRYING, next_retry_at=SOME_DAY)

    shown = [column.cell(each, None) for each in (waiting, replace(waiting, status=ContactStatus.DISPATCHED))]

    assert shown == ["2026-09-04T14:00:00.250Z", ""]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("", ""),
        ("plain", "plain"),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (1.5, "1.5"),
        (1.0, "1.0"),
        ({"a": [1, None], "ü": "x y"}, '{"a":[1,null],"ü":"x y"}'),
        ([], "[]"),
        (SOME_DAY, "2026-09-04T14:00:00.250Z"),
        (CallStatus.NO_ANSWER, "no_answer"),
    ],
)
def test_values_become_text(value: object, text: str) -> None:
    assert cell(value) == text


@pytest.mark.parametrize("start", list("=+-@\t\r"))
def test_cell_that_could_be_a_formula_gets_an_apostrophe(start: str) -> None:
    assert guarded(f"{start}1") == f"'{start}1"


@pytest.mark.parametrize("text", ["a=1", " =1", "'=1", "\n=1", "", "1-1", '"=1'])
def test_other_cells_stay_as_they_are(text: str) -> None:
    assert guarded(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("+14155550104", "+14155550104"),
        ("+", "'+"),
        ("+1 415", "'+1 415"),
        ("+1\n", "'+1\n"),
        ("+١٢", "'+١٢"),
        ("=1", "'=1"),
        ("", ""),
    ],
)
def test_only_a_plain_number_needs_no_guard_in_a_column_of_numbers(text: str, shown: str) -> None:
    assert guarded_number(text) == shown


@pytest.mark.parametrize("rows", list(ExportRows))
def test_only_columns_of_our_own_numbers_are_exempt(rows: ExportRows) -> None:
    number = "+14155550104"
    contact = a_contact(
        phone_number=number, external_id=number, call_variables={"callee_name": number, "x": number, "y": -5}
    )
    texts = ("from_number", "provider", "summary", "error", "hangup_reason", "transcript", "sentiment")
    call = a_call_record(to_number=number, **dict.fromkeys(texts, number))

    plain = {
        each.name for each in columns(rows, ["callee_name", "x", "y"]) if each.cell(contact, call) == number
    }

    expected = {"contacts": {"last_from_number"}, "calls": {"from_number", "to_number"}}
    assert plain == {"phone_number"} | expected[rows]


def test_variables_are_sorted_by_code_point_and_the_name_has_its_own_column() -> None:
    named = columns(ExportRows.CONTACTS, ["b", "a", "callee_name", "Z", "ä", "🙂", "phone_number"])

    assert [each.name for each in named][len(CONTACT_COLUMNS) :] == [
        *("vars.Z", "vars.a", "vars.b", "vars.phone_number", "vars.ä", "vars.🙂")
    ]


@examples(150, derandomize=True, database=None)
@given(
    st.lists(
        st.lists(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=10)
            | st.sampled_from(['"', "\r", "\n", "\r\n", ",", "=cmd", "\t", "🙂"]),
            min_size=2,
            max_size=2,
        ),
        max_size=5,
    )
)
def test_python_reads_back_every_cell_that_is_written(rows: list[list[str]]) -> None:
    written = csv_bytes(rows)

    assert list(csv.reader(io.StringIO(written.decode(), newline=""), strict=True)) == rows


async def test_exported_people_can_be_imported_again(world: World) -> None:
    people: list[dict[str, object]] = [
        {"phone_number": "+14155550104", "external_id": "=P", "call_variables": {"callee_name": 'I "x"\n'}},
        {"phone_number": "+14155550105", "external_id": "P-2", "call_variables": {"due": "2026-09-18"}},
    ]
    batch = await _a_batch(world, people)
    exported = await _export(world, batch)

    imported = await world.client.post(
        "/api/v1/batches/upload",
        data={"campaign_id": batch["campaign_id"]},
        files={"file": ("export.csv", exported.content, "text/csv")},
    )

    assert imported.status_code == 201, imported.text
    first, second = world.tables.contacts_of(BatchId(imported.json()["batch_id"]))
    assert (first.phone_number, first.external_id) == ("+14155550104", "'=P")
    assert first.call_variables["callee_name"] == 'I "x"\n'
    assert (second.phone_number, second.external_id) == ("+14155550105", "P-2")
    # Any other column is a variable of exactly that name, also one that came of a variable.
    assert (second.call_variables["vars.due"], second.call_variables["status"]) == ("2026-09-18", "pending")


@pytest.mark.parametrize(
    ("rows", "standing"),
    [
        (ExportRows.CONTACTS, {"status", "retry_count", "follow_up_count", "last_attempted_at"}),
        (ExportRows.CALLS, set()),
    ],
)
async def test_export_with_long_transcripts_can_be_imported_again(
    world: World, rows: ExportRows, standing: set[str]
) -> None:
    batch = await _a_batch(world, [{"phone_number": "+14155550104", "call_variables": {"due": "2026-09-18"}}])
    call = await world.dial_first(batch)
    world.tables.calls[call.execution_id] = replace(call, transcript="Hello. " * 4096, summary="Short.")
    exported = await _export(world, batch, rows=rows)

    imported = await world.client.post(
        "/api/v1/batches/upload",
        data={"campaign_id": batch["campaign_id"]},
        files={"file": ("export.csv", exported.content, "text/csv")},
    )

    assert imported.status_code == 201, imported.text
    (person,) = world.tables.contacts_of(BatchId(imported.json()["batch_id"]))
    assert set(person.call_variables) == {"contact_id", "vars.due"} | standing


async def test_batch_of_another_organization_is_404_before_anything_is_sent(world: World) -> None:
    batch = await _a_batch(world, [{"phone_number": "+14155550104"}])
    path = f"/api/v1/batches/{batch['batch_id']}/export.csv"

    foreign = await world.client.get(path, headers=bearer(OTHER_SECRET))
    unknown = await world.client.get("/api/v1/batches/btc_nobody/export.csv")

    assert foreign.json() == a_problem(404, "not-found", "Not Found", "Batch not found")
    assert foreign.content == unknown.content


async def test_unknown_kind_of_rows_is_422(world: World) -> None:
    batch = await _a_batch(world, [{"phone_number": "+14155550104"}])

    answer = await _export(world, batch, rows="people")

    assert [each["loc"] for each in answer.json()["errors"]] == [["query", "rows"]]


async def test_export_needs_the_database_but_not_temporal(world: World) -> None:
    batch = await _a_batch(world, [{"phone_number": "+14155550104"}])
    world.engine.is_down = True
    without_temporal = await _export(world, batch)
    world.tables.is_down = True
    without_database = await _export(world, batch)

    assert (without_temporal.status_code, without_database.status_code) == (200, 503)


class _DyingStore(fakes.FakeExportStore):
    """Gives one stretch and is gone."""

    stretches = 0

    async def contacts_between(
        self, batch_id: BatchId, after: int, last: int
    ) -> Sequence[tuple[Contact, CallRecord | None]]:
        self.stretches += 1
        if self.stretches > 1:
            raise StoreUnavailable
        return await super().contacts_between(batch_id, after, last)


@pytest.mark.process
async def test_file_breaks_off_when_the_database_fails_in_its_midst(world: World) -> None:
    campaign = await world.create_campaign()
    numbers = [f"+1415{5000000 + number}" for number in range(120)]
    batch = await world.create_batch(campaign["campaign_id"], numbers)
    install(world.app, replace(world.parts, export=_DyingStore(world.tables)))
    received = bytearray()

    async def download(client: httpx.AsyncClient) -> None:
        path = f"/api/v1/batches/{batch['batch_id']}/export.csv"
        async with client.stream("GET", path, headers=bearer(SECRET)) as answer:
            async for chunk in answer.aiter_bytes():
                received.extend(chunk)

    async with served(world.app) as address, httpx.AsyncClient(base_url=address) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await download(client)

    assert received.count(b"\r\n") == 51


async def test_batch_that_was_taken_back_meanwhile_is_no_whole_file(world: World) -> None:
    batch = await _a_batch(world, [{"phone_number": "+14155550104"}])
    export = await CsvExport.open(world.parts.export, BatchId(batch["batch_id"]), 2, ExportRows.CONTACTS)

    with pytest.raises(BatchNotFound):
        [_ async for _ in export.chunks()]


class _TalkativeStore(fakes.FakeExportStore):
    """Keeps what was asked for; everybody's newest call has a long transcript."""

    def __init__(self, tables: fakes.Tables, characters: int) -> None:
        super().__init__(tables)
        self.stretches: list[int] = []
        self._call = a_call_record(transcript="x" * characters)

    async def contacts_between(self, batch_id: BatchId, after: int, last: int) -> Any:
        self.stretches.append(last - after)
        return [(contact, self._call) for contact in self._between(batch_id, after, last)]


@pytest.mark.parametrize(
    ("characters", "stretches"),
    [
        pytest.param(0, [50, 100, 200, 250, 250], id="ever more at once up to 250"),
        # 50 people hold 2,000 kB, so that some 6 of them hold the 256 kB aimed at
        pytest.param(40_000, [50, 6, 12, 6, 12, 6], id="fewer at once when they have much to say"),
    ],
)
async def test_stretches_are_as_long_as_memory_allows(
    world: World, characters: int, stretches: list[int]
) -> None:
    campaign = await world.create_campaign()
    batch = await world.create_batch(campaign["campaign_id"], [f"+1415{5000000 + n}" for n in range(1200)])
    store = _TalkativeStore(world.tables, characters)
    export = await CsvExport.open(store, BatchId(batch["batch_id"]), 1200, ExportRows.CONTACTS)

    assert len([chunk async for chunk in export.chunks()]) == 1 + len(store.stretches)
    assert store.stretches[: len(stretches)] == stretches
