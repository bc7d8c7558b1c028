"""The search attributes a namespace must know: without one of them a start is refused, a change wedges."""

from collections.abc import Mapping

import structlog
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from workflows.names import SEARCH_ATTRIBUTES

TYPES: Mapping[str, IndexedValueType.ValueType] = {
    "Keyword": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "Datetime": IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
    "Int": IndexedValueType.INDEXED_VALUE_TYPE_INT,
}
_NOT_OURS = frozenset({RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED})
"""How a server answers that does not let its clients administer it."""


class SearchAttributesMissing(ValueError):
    """The namespace lacks search attributes, and we may not register them."""


async def require_search_attributes(client: Client) -> None:
    """Return once the namespace knows every search attribute; registers what it lacks, where allowed.

    Raises SearchAttributesMissing in one line that says what to type, RPCError when the server is away.
    """
    try:
        known = await _known(client)
    except RPCError as error:
        if error.status not in _NOT_OURS:
            raise
        structlog.get_logger().warning("search attributes could not be checked", status=error.status.name)
        return
    wrong = [name for name, kind in SEARCH_ATTRIBUTES.items() if known.get(name, TYPES[kind]) != TYPES[kind]]
    if wrong:
        raise SearchAttributesMissing(_refusal(client, "has with another type", wrong))
    missing = [name for name in SEARCH_ATTRIBUTES if name not in known]
    if not missing:
        return
    try:
        await register_search_attributes(client, missing)
    except RPCError as error:
        if (await _known(client)).keys() >= SEARCH_ATTRIBUTES.keys():
            return  # another worker was faster
        raise SearchAttributesMissing(_refusal(client, "lacks", missing)) from error
    structlog.get_logger().info("search attributes registered", names=missing)


async def register_search_attributes(client: Client, names: list[str] | None = None) -> None:
    """Register attributes, by default all of them."""
    wanted = {name: TYPES[SEARCH_ATTRIBUTES[name]] for name in names or SEARCH_ATTRIBUTES}
    await client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(namespace=client.namespace, search_attributes=wanted)
    )


async def _known(client: Client) -> Mapping[str, IndexedValueType.ValueType]:
    listed = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    return dict(listed.custom_attributes)


def _refusal(client: Client, how: str, names: list[str]) -> str:
    named = ", ".join(f"{name} ({SEARCH_ATTRIBUTES[name]})" for name in names)
    command = " ".join(f"--name {name} --type {SEARCH_ATTRIBUTES[name]}" for name in names)
    return (
        f"Temporal's namespace {client.namespace} {how} the search attributes {named}; ask its operator for:"
        f" temporal operator search-attribute create --namespace {client.namespace} {command}"
    )
