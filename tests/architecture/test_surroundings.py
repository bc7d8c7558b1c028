"""Where the clock, chance, the environment and the rules of time zones may be read."""

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.reading import dotted, imported
from tests.architecture.source import Module, breaches, product, told

READERS_OF_THE_ENVIRONMENT = {
    "examples/voice-agent/agent.py": "an application of its own, with nothing of Apollo's",
    "settings.py": "the typed environment; everything else is handed its pieces",
    "telephony/simulator/__main__.py": "reads the secret its command line names, for arguments are public",
}
ENVIRONMENT = ("os.environ", "os.environb", "os.getenv", "os.getenvb", "os.putenv", "os.unsetenv")

MAKER_OF_ZONES = "domain/wall_clock.py"
MODULES_OF_ZONES = ("zoneinfo", "dateutil", "pytz", "tzlocal", "tzdata")

DECIDERS = ("domain", "workflows")
UNSTEADY_MODULES = ("os", "random", "secrets", "time", "uuid")
UNSTEADY_CALLS = ("now", "utcnow", "today")


def environment_readers(module: Module) -> Iterator[str]:
    """Each place that reads the environment by itself."""
    if module.path.as_posix() in READERS_OF_THE_ENVIRONMENT:
        return
    for node in module.nodes(ast.expr):
        if dotted(node) in ENVIRONMENT:
            yield f"{module.at(node)} {dotted(node)}"
    for statement in module.nodes(ast.stmt):
        yield from (f"{module.at(statement)} {name}" for name in imported(statement) if name in ENVIRONMENT)


def makers_of_zones(module: Module) -> Iterator[str]:
    """Each place that could make a zone by rules other than those of the pinned package."""
    if module.path.as_posix() == MAKER_OF_ZONES:
        return
    for statement in module.nodes(ast.stmt):
        for name in imported(statement):
            if name.split(".")[0] in MODULES_OF_ZONES:
                yield f"{module.at(statement)} imports {name}"


def unsteady_decisions(module: Module) -> Iterator[str]:
    """Each place that would decide otherwise when it is decided again."""
    if module.path.parts[0] not in DECIDERS:
        return
    for statement in module.nodes(ast.stmt):
        for name in imported(statement):
            if name.split(".")[0] in UNSTEADY_MODULES:
                yield f"{module.at(statement)} imports {name}"
    for call in module.nodes(ast.Call):
        *owner, name = dotted(call.func).split(".")
        if owner and owner != ["workflow"] and name in UNSTEADY_CALLS:
            yield f"{module.at(call)} {dotted(call.func)}()"


def test_only_the_listed_modules_read_the_environment() -> None:
    found = breaches(environment_readers, product())

    assert not found, told("Add a field to Settings and hand its value down:", found)


def test_every_listed_reader_of_the_environment_still_reads_it() -> None:
    read = {
        module.path.as_posix()
        for module in product()
        if any(dotted(node) in ENVIRONMENT for node in module.nodes(ast.expr))
    }

    assert read == set(READERS_OF_THE_ENVIRONMENT), "Take the others off the list of this test."


def test_zones_are_made_in_one_place() -> None:
    found = breaches(makers_of_zones, product())

    assert not found, told("Ask domain.wall_clock.zone_named for a zone, zone_names for them all:", found)
    assert any(module.path.as_posix() == MAKER_OF_ZONES for module in product())


def test_domain_and_workflows_read_no_clock_no_chance_and_no_environment() -> None:
    found = breaches(unsteady_decisions, product())

    assert not found, told(
        "Take the value as an argument; in a workflow use workflow.now and the like:", found
    )


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("import os\nhome = os.environ['HOME']", id="by key"),
        pytest.param("import os\nos.getenv('HOME')", id="by call"),
        pytest.param("from os import environ", id="imported"),
        pytest.param("from os import getenv as ask", id="imported under another name"),
    ],
)
def test_planted_reader_of_the_environment_is_found(line: str) -> None:
    assert len(list(environment_readers(Module.of("api/planted.py", line)))) == 1


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("from zoneinfo import ZoneInfo", id="class"),
        pytest.param("import zoneinfo as z", id="module under another name"),
        pytest.param("from dateutil.tz import gettz", id="another library"),
    ],
)
def test_planted_maker_of_zones_is_found(line: str) -> None:
    assert len(list(makers_of_zones(Module.of("api/planted.py", line)))) == 1
    assert list(makers_of_zones(Module.of(MAKER_OF_ZONES, line))) == []


@pytest.mark.parametrize(
    ("line", "count"),
    [
        pytest.param("datetime.now(UTC)", 1, id="clock"),
        pytest.param("datetime.datetime.utcnow()", 1, id="clock of the module"),
        pytest.param("date.today()", 1, id="calendar"),
        pytest.param("import time", 1, id="time"),
        pytest.param("from time import monotonic", 1, id="monotonic"),
        pytest.param("import random", 1, id="chance"),
        pytest.param("from uuid import uuid4", 1, id="ids"),
        pytest.param("import os.path", 1, id="environment"),
        pytest.param("workflow.now()", 0, id="the workflow's clock"),
        pytest.param("workflow.uuid4(); workflow.random()", 0, id="the workflow's chance"),
        pytest.param("from datetime import time", 0, id="a time of day"),
        pytest.param("def due(now: datetime): return now", 0, id="an argument"),
    ],
)
def test_planted_decision_by_the_clock_is_found(line: str, count: int) -> None:
    assert len(list(unsteady_decisions(Module.of("workflows/planted.py", line)))) == count
    assert list(unsteady_decisions(Module.of("api/planted.py", line))) == []
