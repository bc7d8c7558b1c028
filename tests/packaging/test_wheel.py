"""What the wheel installs, and under which names. `.ci/wheel` builds it and runs what it installed."""

import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from importlib.metadata import version
from pathlib import PurePosixPath
from typing import Any

from api.assembly import assemble
from tests.architecture.source import ROOT, tracked_texts
from tests.console.stand_in_api import StandInApi
from tests.console.terminal import apollo

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
SETUPTOOLS: dict[str, Any] = PROJECT["tool"]["setuptools"]
NOT_SHIPPED = {"bench", "deploy", "examples", "tests"}
TOP_LEVEL = {
    *("activities", "api", "console", "domain", "embedded", "observability", "receivers"),
    *("store", "telephony", "temporal", "web", "workflows"),
    *("cli", "settings", "worker"),
}
"""Each of these may clash with another package of the same environment: add none without need."""


def tracked_files() -> Iterator[PurePosixPath]:
    return (PurePosixPath(path.as_posix()) for path, _ in tracked_texts())


def packages() -> set[str]:
    return {path.parts[0] for path in tracked_files() if len(path.parts) > 1 and path.suffix == ".py"}


def is_shipped(path: PurePosixPath) -> bool:
    return path.suffix == ".py" or any(
        fnmatch(path.relative_to(folder).as_posix(), pattern)
        for folder in path.parents
        for pattern in SETUPTOOLS["package-data"].get(folder.as_posix().replace("/", "."), [])
    )


def test_wheel_installs_these_top_level_names_and_no_others() -> None:
    found = {pattern.removesuffix("*") for pattern in SETUPTOOLS["packages"]["find"]["include"]}

    assert found | set(SETUPTOOLS["py-modules"]) == TOP_LEVEL


def test_every_room_and_module_of_the_product_is_in_the_wheel() -> None:
    modules = {path.stem for path in tracked_files() if len(path.parts) == 1 and path.suffix == ".py"}

    assert (packages() - NOT_SHIPPED) | modules == TOP_LEVEL


def test_every_folder_of_a_room_is_a_package_so_that_the_wheel_finds_it() -> None:
    modules = [path for path in tracked_files() if path.suffix == ".py" and path.parts[0] in TOP_LEVEL]
    folders = {folder for path in modules for folder in path.parents if folder.parts}

    assert folders <= {path.parent for path in modules if path.name == "__init__.py"}


def test_every_file_of_a_room_is_in_the_wheel() -> None:
    inside = [path for path in tracked_files() if len(path.parts) > 1 and path.parts[0] in TOP_LEVEL]

    assert [path for path in inside if not is_shipped(path)] == []
    assert PurePosixPath("console/demo.csv") in inside


def test_wheel_is_refused_by_a_public_index() -> None:
    assert "Private :: Do Not Upload" in PROJECT["project"]["classifiers"]


def test_the_project_file_alone_says_the_version() -> None:
    told = PROJECT["project"]["version"]

    assert version("apollo") == told, "Run `make install`: the environment holds another version."
    assert assemble(None).version == told
    assert apollo(StandInApi(), "--version").stdout == f"apollo {told}\n"
