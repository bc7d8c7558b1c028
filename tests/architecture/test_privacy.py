"""Logs are constant sentences and ids: nobody's number, name, variables or secret."""

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.reading import dotted
from tests.architecture.source import Module, breaches, product, told

PERSONAL = {
    *("callee_name", "call_variables", "from_number", "phone_number", "secret", "to_number", "token"),
    "variables",
}
LOGGERS = {"log", "logger"}
MAKES_A_LOGGER = {"get_logger", "getLogger", "bind", "new"}
SPEAKS = {"critical", "debug", "error", "exception", "fatal", "info", "log", "msg", "warn", "warning"}
BINDS = {"bind", "bind_contextvars", "bound_contextvars", "new"}


def personal_fields(module: Module) -> Iterator[str]:
    """Each person's datum that a log call names, as a field or as the value of one."""
    for call in _log_calls(module, SPEAKS | BINDS):
        for name in sorted(_names_in(call) & PERSONAL):
            yield f"{module.at(call)} {name}"


def changing_messages(module: Module) -> Iterator[str]:
    """Each log call whose text is not one constant."""
    for call in _log_calls(module, SPEAKS):
        is_constant = [isinstance(each, ast.Constant) and isinstance(each.value, str) for each in call.args]
        if is_constant != [True]:
            yield f"{module.at(call)} {ast.unparse(call)}"


def _log_calls(module: Module, verbs: set[str]) -> Iterator[ast.Call]:
    for call in module.nodes(ast.Call):
        name = dotted(call.func).rpartition(".")[2]
        is_method = isinstance(call.func, ast.Attribute) and _is_logger(call.func.value)
        if name in verbs and (is_method or name.endswith("_contextvars")):
            yield call


def _is_logger(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return dotted(node.func).rpartition(".")[2] in MAKES_A_LOGGER
    return dotted(node).rpartition(".")[2].strip("_") in LOGGERS


def _names_in(call: ast.Call) -> set[str]:
    """Return the names of all fields, and every name their values are read from."""
    found = {each.arg for each in call.keywords if each.arg}
    for node in ast.walk(call):
        match node:
            case ast.Dict(keys=keys):
                found |= {str(key.value) for key in keys if isinstance(key, ast.Constant)}
            case ast.Name(id=name) | ast.Attribute(attr=name):
                found.add(name)
    return found


def test_no_log_call_names_a_persons_datum() -> None:
    found = breaches(personal_fields, product())

    assert not found, told("Log the id of what it belongs to instead:", found)


def test_log_messages_are_constant_text() -> None:
    found = breaches(changing_messages, product())

    assert not found, told("Say one constant sentence and pass the rest as fields:", found)


def test_rules_of_this_file_see_the_log_calls_there_are() -> None:
    speaking = {module.path.parts[0] for module in product() if list(_log_calls(module, SPEAKS))}

    assert {"api", "telephony", "worker.py", "workflows"} <= speaking


@pytest.mark.parametrize(
    ("line", "found"),
    [
        pytest.param("_log.info('x', phone_number=n)", ["phone_number"], id="field"),
        pytest.param("log.warning('x', who=contact.to_number)", ["to_number"], id="value under another name"),
        pytest.param("workflow.logger.error('x', extra={'token': t})", ["token"], id="extra"),
        pytest.param("structlog.get_logger().info('x', secret=1)", ["secret"], id="fresh logger"),
        pytest.param("log = log.bind(callee_name=n)", ["callee_name"], id="bound"),
        pytest.param("bind_contextvars(variables=v)", ["variables"], id="bound to the context"),
        pytest.param("structlog.contextvars.bind_contextvars(secret=v)", ["secret"], id="bound from afar"),
        pytest.param("log.info('x', batch_id=batch_id, token_id=1)", [], id="ids"),
        pytest.param("client.post('x', token=token)", [], id="no log call"),
    ],
)
def test_planted_datum_in_a_log_call_is_found(line: str, found: list[str]) -> None:
    planted = Module.of("api/planted.py", line)

    assert list(personal_fields(planted)) == [f"api/planted.py:1 {name}" for name in found]


@pytest.mark.parametrize(
    ("line", "count"),
    [
        pytest.param("_log.info(f'call {n}')", 1, id="formatted"),
        pytest.param("logger.info('call %s', n)", 1, id="with arguments"),
        pytest.param("self._log.exception(text)", 1, id="variable"),
        pytest.param("log.info()", 1, id="without a text"),
        pytest.param("log.info('called', attempt=1)", 0, id="constant"),
        pytest.param("math.log(x)", 0, id="a logarithm"),
    ],
)
def test_planted_message_that_changes_is_found(line: str, count: int) -> None:
    assert len(list(changing_messages(Module.of("api/planted.py", line)))) == count
