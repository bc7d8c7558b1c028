"""The README promises no endpoint that is not there, and leads to every room."""

import re
from functools import cache
from pathlib import Path

import pytest

from api.assembly import assemble
from tests.architecture.source import tracked_texts

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()
_ENDPOINT = re.compile(r"`(GET|POST|PATCH|DELETE) (/[^`]+)`")
_UNDESCRIBED = {("GET", "/openapi.json"), ("GET", "/docs")}


@cache
def endpoints_of_the_app() -> set[tuple[str, str]]:
    paths = assemble(None).openapi()["paths"]
    return {(method.upper(), path) for path, methods in paths.items() for method in methods}


@pytest.mark.parametrize("endpoint", sorted({*_ENDPOINT.findall(README)}), ids=" ".join)
def test_every_endpoint_of_the_readme_is_there(endpoint: tuple[str, str]) -> None:
    assert endpoint in endpoints_of_the_app() | _UNDESCRIBED


def test_readme_has_the_endpoints_in_its_table() -> None:
    assert {("POST", "/api/v1/batches/"), ("GET", "/api/v1/batches/{batch_id}")} <= {
        *_ENDPOINT.findall(README)
    }


def test_rooms_of_the_readme_are_the_folders_of_the_repository() -> None:
    tree = README.split("## Where things are")[1].split("```")[1]
    told = set(re.findall(r"^([a-z]+)/", tree, re.MULTILINE))

    assert told == {
        path.parts[0] for path, _ in tracked_texts() if len(path.parts) > 1 and path.parts[0][0] != "."
    }


def test_readme_opens_with_a_picture_and_the_two_commands() -> None:
    opening = README.split("## The API")[0]

    assert opening.index("```mermaid") < opening.index("## Two commands") < opening.index("\nmake demo")
    assert re.findall(r"^make (\w+)", opening, re.MULTILINE) == ["demo", "test"]
