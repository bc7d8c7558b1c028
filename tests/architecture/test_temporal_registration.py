"""What is written for Temporal is registered with Temporal, and takes what operators may send."""

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.reading import Function, decorators, dotted, methods
from tests.architecture.source import Module, breaches, product, told

ACTIVITY, SIGNAL, WORKFLOW = "activity.defn", "workflow.signal", "workflow.defn"


def unlisted_activities(module: Module) -> Iterator[str]:
    """Each activity that no property of its class hands to workers, or that more than one does."""
    for cls in module.nodes(ast.ClassDef):
        listed = [name for names in _lists(cls).values() for name in names]
        for method in _activities(cls):
            if listed.count(method.name) != 1:
                times = listed.count(method.name)
                yield f"{module.at(method)} {cls.name}.{method.name} is listed {times} times"


def untranslated_activities(module: Module) -> Iterator[str]:
    """Each activity whose logical errors Temporal would retry for ever."""
    for method in module.functions():
        if ACTIVITY in decorators(method) and decorators(method) != [ACTIVITY, "translating_failures"]:
            yield f"{module.at(method)} {method.name}"


def unregistered(worker: Module, modules: tuple[Module, ...]) -> Iterator[str]:
    """Each workflow, and each list of activities, that the worker's root registers nowhere."""
    named = {dotted(node) for node in worker.nodes(ast.expr)}
    for module in modules:
        for cls in module.nodes(ast.ClassDef):
            if WORKFLOW in decorators(cls) and cls.name not in _registered_workflows(worker):
                yield f"{module.at(cls)} {cls.name}"
            for name in _lists(cls) if _activities(cls) else ():
                if not any(f"{made}.{name}" in named for made in _instances(worker, cls.name)):
                    yield f"{module.at(cls)} {cls.name}.{name}"


def fragile_signals(module: Module) -> Iterator[str]:
    """Each signal handler that a person's typing, or waiting, could bring to a stop."""
    for method in module.functions():
        if SIGNAL in decorators(method):
            is_plain = isinstance(method, ast.FunctionDef)
            if not is_plain or ast.unparse(method.args) != "self, request: object=None":
                yield f"{module.at(method)} {method.name}({ast.unparse(method.args)})"


def _activities(cls: ast.ClassDef) -> list[Function]:
    return [each for each in methods(cls) if ACTIVITY in decorators(each)]


def _lists(cls: ast.ClassDef) -> dict[str, list[str]]:
    """Return each property of a class with the methods of `self` it names."""
    return {
        each.name: [
            node.attr
            for node in ast.walk(each)
            if isinstance(node, ast.Attribute) and dotted(node) == f"self.{node.attr}"
        ]
        for each in methods(cls)
        if "property" in decorators(each)
    }


def _registered_workflows(worker: Module) -> set[str]:
    given = (each.value for each in worker.nodes(ast.keyword) if each.arg == "workflows")
    return {dotted(name) for each in given for name in ast.walk(each) if isinstance(name, ast.expr)}


def _instances(worker: Module, cls: str) -> list[str]:
    """Return the variables that hold an instance of a class."""
    return [
        dotted(each.targets[0])
        for each in worker.nodes(ast.Assign)
        if isinstance(each.value, ast.Call) and dotted(each.value.func) == cls
    ]


def _worker() -> Module:
    return next(each for each in product() if each.path.name == "worker.py")


def test_every_activity_is_listed_by_its_class_for_workers() -> None:
    found = breaches(unlisted_activities, product())

    assert not found, told("List each of these once, in `all` or its sibling, or nobody runs it:", found)


def test_every_activity_translates_logical_errors() -> None:
    found = breaches(untranslated_activities, product())

    assert not found, told(
        "Decorate with @activity.defn over @translating_failures, and nothing else:", found
    )


def test_every_workflow_and_every_list_of_activities_is_registered_in_the_worker() -> None:
    found = list(unregistered(_worker(), product()))

    assert not found, told("Hand these to a Worker in worker.py, or they wait for ever:", found)


def test_every_signal_is_a_plain_function_of_one_optional_object() -> None:
    found = breaches(fragile_signals, product())

    assert not found, told("Make it `def name(self, request: object = None)` and parse the request:", found)


_ACTIVITY = "class A:\n @activity.defn\n @translating_failures\n async def dial(self): ...\n @property\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param(_ACTIVITY + " def all(self): return (self.dial,)", [], id="listed"),
        pytest.param(
            _ACTIVITY + " def all(self): return ()", ["a.py:4 A.dial is listed 0 times"], id="forgotten"
        ),
        pytest.param(
            _ACTIVITY + " def all(self): return self.dial, self.dial",
            ["a.py:4 A.dial is listed 2 times"],
            id="doubled",
        ),
    ],
)
def test_planted_activity_that_is_not_listed_once_is_found(text: str, found: list[str]) -> None:
    assert list(unlisted_activities(Module.of("a.py", text))) == found


@pytest.mark.parametrize(
    "above",
    [
        pytest.param("@activity.defn", id="bare"),
        pytest.param("@translating_failures\n@activity.defn", id="wrong way round"),
        pytest.param("@activity.defn(name='x')", id="called"),
    ],
)
def test_planted_activity_that_translates_nothing_is_found(above: str) -> None:
    planted = Module.of("a.py", f"{above}\nasync def dial(self): ...")

    assert len(list(untranslated_activities(planted))) == 1


@pytest.mark.parametrize(
    ("worker", "found"),
    [
        pytest.param("w = A(x)\nWorker(workflows=[W], activities=w.all)", [], id="both"),
        pytest.param("w = A(x)\nWorker(activities=w.all)", ["a.py:8 W"], id="no workflow"),
        pytest.param("w = A(x)\nWorker(workflows=[W])", ["a.py:1 A.all"], id="activities unused"),
        pytest.param("Worker(workflows=[W], activities=w.all)", ["a.py:1 A.all"], id="of another class"),
    ],
)
def test_planted_story_nobody_runs_is_found(worker: str, found: list[str]) -> None:
    text = _ACTIVITY + " def all(self): return (self.dial,)\n@workflow.defn\nclass W: ..."

    assert list(unregistered(Module.of("worker.py", worker), (Module.of("a.py", text),))) == found


@pytest.mark.parametrize(
    "handler",
    [
        pytest.param("async def told(self, request: object = None): ...", id="may wait"),
        pytest.param("def told(self, request: object): ...", id="needs an argument"),
        pytest.param("def told(self, request: Told | None = None): ...", id="a type that may not parse"),
        pytest.param("def told(self): ...", id="takes nothing"),
        pytest.param("def told(self, request: object = None, *more: object): ...", id="takes more"),
    ],
)
def test_planted_signal_that_is_fragile_is_found(handler: str) -> None:
    planted = Module.of("a.py", f"class W:\n @workflow.signal(name='told')\n {handler}")

    assert len(list(fragile_signals(planted))) == 1
