"""A newcomer finds what the pages name: every file, every room, every import contract."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
LINTER: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
PAGES = (
    *("README.md", "CONTRIBUTING.md", "SECURITY.md"),
    *("docs/architecture.md", "docs/glossary.md", "docs/contract.md", "docs/deployment.md"),
    *("docs/operations.md", "docs/releasing.md", "docs/runbook.md"),
)
_PATH = re.compile(r"`((?:[a-z_]+/)+(?:[a-z_]+\.(?:py|csv|md|xml))?|[a-z_]+\.py)`")
_OF_A_FOLDER = {"docs/architecture.md": "workflows"}
"""A page whose table names files below a folder that its header names."""
_NAMES_ONLY = {"client.py", "wire.py", "translate.py"}
"""Files that a new provider's folder has, whatever its name."""


def paths_named() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for path in _PATH.findall((ROOT / page).read_text(encoding="utf-8")):
            if path not in _NAMES_ONLY:
                yield page, path


@pytest.mark.parametrize(("page", "path"), sorted(set(paths_named())))
def test_every_file_and_folder_that_a_page_names_is_there(page: str, path: str) -> None:
    assert (ROOT / path).exists() or (ROOT / _OF_A_FOLDER.get(page, "") / path).exists()


def test_every_room_and_every_folder_of_a_room_stands_on_the_page() -> None:
    rooms = {f"{room}/" for room in LINTER["root_packages"]}
    folders = {
        f"{found.parent.relative_to(ROOT).as_posix()}/"
        for room in rooms
        for found in (ROOT / room).glob("*/__init__.py")
    }

    assert {name for name in rooms | folders if f"`{name}`" not in PAGE} == set()


def test_every_file_of_the_workflows_stands_on_the_page() -> None:
    folder = ROOT / "workflows"
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*.py") if path.stem != "__init__"}

    assert {name for name in files if f"`{name}`" not in PAGE} == set()


def test_layers_on_the_page_are_those_that_are_held() -> None:
    (layers,) = [each["layers"] for each in LINTER["contracts"] if "every room" in each["name"].lower()]

    assert "```\n" + "\n".join(layers) + "\n```" in PAGE


def test_import_contracts_on_the_page_are_those_that_are_held() -> None:
    table = PAGE.split("| contract | so that |\n|---|---|\n")[1].split("\n\n")[0]

    assert sorted(row.split(" | ")[0].removeprefix("| ") for row in table.splitlines()) == sorted(
        contract["name"] for contract in LINTER["contracts"]
    )
