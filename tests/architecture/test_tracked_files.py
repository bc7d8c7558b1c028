"""Nothing in the repository points at one machine, or at one place to get packages from."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source import everything, told, tracked_texts

# In parts, so that this file does not hold what it forbids.
REGISTRIES = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("yarnpkg", "com"),
        ("crates", "io"),
        ("rubygems", "org"),
        ("golang", "org"),
        ("maven", "org"),
        ("anaconda", "org"),
        ("docker", "io"),
        ("ghcr", "io"),
        ("quay", "io"),
    )
)
MACHINE_FOLDERS = ("home", "root", "Users", "work", "workspace", "private", "tmp", "mnt")
# A folder of somebody's machine at the start of a path, not within an address or a longer path.
MACHINE_PATH = re.compile(rf"(?<![\w.:/~$}}>-])/(?:{'|'.join(MACHINE_FOLDERS)})/[\w.-]+|\b[A-Z]:\\+Users\b")


def registries(path: Path, text: str) -> Iterator[str]:
    """Each line that names the host of a package registry."""
    lowered = text.lower()
    named = [host for host in REGISTRIES if host in lowered]
    for number, line in enumerate(lowered.splitlines() if named else (), start=1):
        yield from (f"{path}:{number} {host}" for host in named if host in line)


def machine_paths(path: Path, text: str) -> Iterator[str]:
    """Each line that names a place on somebody's machine."""
    for number, line in enumerate(text.splitlines() if MACHINE_PATH.search(text) else (), start=1):
        yield from (f"{path}:{number} {found}" for found in MACHINE_PATH.findall(line))


def test_no_tracked_file_names_the_host_of_a_package_registry() -> None:
    found = [breach for each in tracked_texts() for breach in registries(*each)]

    assert not found, told(
        "Name packages and versions; where they come from is the installer's choice:", found
    )


def test_no_tracked_file_names_an_absolute_path_of_a_machine() -> None:
    found = [breach for each in tracked_texts() for breach in machine_paths(*each)]

    assert not found, told("Make it relative to the repository, a setting, or the test's tmp_path:", found)


def test_rules_of_this_folder_read_the_whole_repository() -> None:
    files = {path.as_posix() for path, _ in tracked_texts()}

    assert {".ci/run", ".gitignore", "Makefile", "README.md", "constraints.txt", "console/demo.csv"} <= files
    assert {"domain/call.py", "tests/builders.py", "worker.py"} <= {
        each.path.as_posix() for each in everything()
    }
    assert not {path.split("/")[0] for path in files} & {".venv", ".git", ".mypy_cache"}


@pytest.mark.parametrize("host", REGISTRIES)
def test_planted_registry_is_found(host: str) -> None:
    assert list(registries(Path("a"), f"--index-url https://simple.{host.upper()}/x")) == [f"a:1 {host}"]


@pytest.mark.parametrize(
    ("line", "count"),
    [
        *(pytest.param(f"cd /{folder}/ada", 1, id=folder) for folder in MACHINE_FOLDERS),
        pytest.param("C:" + "\\Users\\ada", 1, id="drive"),
        pytest.param("GET /api/v1/home/ada", 0, id="within a longer path"),
        pytest.param("https://ada.example/home/ada", 0, id="address"),
        pytest.param("examples/work/a.csv", 0, id="relative"),
        pytest.param("#!/usr/bin/env bash", 0, id="every machine has it"),
    ],
)
def test_planted_machine_path_is_found(line: str, count: int) -> None:
    assert len(list(machine_paths(Path("a"), line))) == count
