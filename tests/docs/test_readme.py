"""The README promises no endpoint that is not there."""

import re
from functools import cache
from pathlib import Path

import pytest

from api.assembly import assemble

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
