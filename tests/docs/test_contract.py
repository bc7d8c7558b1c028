"""The contract's page tells what the API does, no more and no less."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from api.assembly import assemble
from api.export.columns import ExportRows, columns
from api.http import problems
from api.http.problems import ProblemKind
from domain.batch import BatchStatus
from domain.campaign import CampaignStatus
from domain.contact import ContactStatus, SkipReason
from domain.diagnosis.facts import Diagnosis
from settings import variables

PAGE = (Path(__file__).parents[2] / "docs" / "contract.md").read_text(encoding="utf-8")
_UNDESCRIBED = {("GET", "/openapi.json"), ("GET", "/docs")}
_ENDPOINT = re.compile(r"`(GET|POST|PATCH|DELETE) (/[^`]+)`")
_WORD = re.compile(r"`([a-z_]+)`")


def rows_below(header: str) -> Iterator[list[str]]:
    """Yield the cells of each row of every table with this header."""
    lines = iter(PAGE.splitlines())
    for line in lines:
        if line == header:
            next(lines)
            for row in lines:
                if not row.startswith("| "):
                    break
                yield [cell.strip() for cell in row.strip("|").split(" | ")]


def section(heading: str) -> str:
    """Return the text of a section up to the next heading."""
    return PAGE.split(f"\n{heading}\n")[1].split("\n##")[0]


def endpoints_told() -> list[tuple[str, str]]:
    tables = ("| endpoint | success |", "| endpoint | answer |")
    return [
        (method, path)
        for header in tables
        for row in rows_below(header)
        for method, path in _ENDPOINT.findall(row[0])
    ]


def endpoints_served() -> set[tuple[str, str]]:
    paths = assemble(None).openapi()["paths"]
    return {(method.upper(), path) for path, methods in paths.items() for method in methods}


def columns_told(rows: ExportRows) -> Sequence[str]:
    listed = re.search(rf"^`rows={rows}`.*?\n`([^`]+)`", PAGE, re.MULTILINE)
    assert listed is not None
    return listed[1].split(", ")


def test_every_endpoint_of_the_api_stands_in_one_table_of_the_contract_and_no_other() -> None:
    told = endpoints_told()

    assert sorted(told) == sorted(endpoints_served() | _UNDESCRIBED)


def test_kinds_of_problems_are_those_of_the_code() -> None:
    kinds = [each for each in vars(problems).values() if isinstance(each, ProblemKind)]
    table = rows_below("| status | kind | when | `detail` |")

    assert [(int(status), kind.strip("`")) for status, kind, *_ in table] == [
        (kind.status, kind.slug) for kind in sorted(kinds, key=lambda kind: kind.status)
    ]


def test_diagnoses_are_those_of_the_code_in_their_order() -> None:
    told = [row[0].strip("`") for row in rows_below("| code | holds when | the tip |")]

    assert told == list(Diagnosis)


def test_statuses_are_those_of_the_code() -> None:
    contacts = {word for row in rows_below("| status | means | over |") for word in _WORD.findall(row[0])}
    (campaign_row, *_) = [row for row in PAGE.splitlines() if row.startswith("| action | draft")]
    (batch_row, *_) = [row for row in PAGE.splitlines() if row.startswith("| action or event | pending")]

    assert contacts == set(ContactStatus)
    assert campaign_row.strip("| ").split(" | ")[1:] == list(CampaignStatus)
    assert batch_row.strip("| ").split(" | ")[1:] == list(BatchStatus)


def test_reasons_to_skip_are_those_of_the_code() -> None:
    (told,) = [line for line in PAGE.splitlines() if line.startswith("`skip_reason` is")]

    assert {word for word in _WORD.findall(told) if word in set(SkipReason)} == set(SkipReason)


def test_columns_of_the_export_are_those_of_the_code_in_their_order() -> None:
    for rows in ExportRows:
        assert columns_told(rows) == [column.name for column in columns(rows, ())]


def test_settings_that_the_contract_promises_are_there() -> None:
    promised = re.findall(r"`(APOLLO_[A-Z0-9_]+)`", section("## 15. Settings"))

    assert len(promised) > 20
    assert set(promised) <= set(variables())
