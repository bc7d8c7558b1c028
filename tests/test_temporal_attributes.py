"""What the worker does about search attributes a namespace lacks, and what happens without them."""

from collections.abc import AsyncIterator
from pathlib import Path
from sys import executable

import pytest
from structlog.testing import capture_logs
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from domain.errors import EngineUnavailable
from temporal.batch_workflows import BatchWorkflows
from temporal.client import DATA_CONVERTER
from temporal.search_attributes import SearchAttributesMissing, require_search_attributes
from tests.builders import a_batch
from workflows.names import SEARCH_ATTRIBUTES

pytestmark = pytest.mark.server


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """A server that knows no attribute of ours."""
    async with await WorkflowEnvironment.start_local(
        data_converter=DATA_CONVERTER,
        dev_server_existing_path=str(Path(executable).with_name("temporal")),
        dev_server_log_level="error",
    ) as env:
        yield env.client


async def add(client: Client, **attributes: IndexedValueType.ValueType) -> None:
    await client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(namespace=client.namespace, search_attributes=attributes)
    )


async def test_missing_attributes_are_registered_once_and_batches_start_then(client: Client) -> None:
    gateway = BatchWorkflows(client)
    with pytest.raises(EngineUnavailable):
        await gateway.start_batch(a_batch())

    with capture_logs() as lines:
        await require_search_attributes(client)
        await require_search_attributes(client)
    await gateway.start_batch(a_batch())

    assert [(line["event"], line["names"]) for line in lines] == [
        ("search attributes registered", list(SEARCH_ATTRIBUTES))
    ]


async def test_attributes_that_cannot_be_registered_are_named_in_one_line_to_type(client: Client) -> None:
    kind = IndexedValueType.INDEXED_VALUE_TYPE_DATETIME
    await add(client, OneAt=kind, TwoAt=kind, ThreeAt=kind)  # a SQL database has three columns for instants

    with pytest.raises(SearchAttributesMissing) as refused:
        await require_search_attributes(client)

    said = str(refused.value)
    assert said.startswith("Temporal's namespace default lacks the search attributes BatchId (Keyword), ")
    assert "search-attribute create --namespace default --name BatchId --type Keyword --name" in said
    assert "\n" not in said


async def test_attribute_of_another_type_is_refused(client: Client) -> None:
    await add(client, Attempt=IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD)

    with pytest.raises(SearchAttributesMissing, match=r"has with another type .* Attempt \(Int\)"):
        await require_search_attributes(client)
