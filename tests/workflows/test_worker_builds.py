"""Where builds of workers have names, a contact ends on the build that began it, and its batch moves on."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from temporalio.api.workflowservice.v1 import SetWorkerDeploymentCurrentVersionRequest
from temporalio.client import Client
from temporalio.service import RPCError

from domain.contact import ContactStatus
from domain.identity import BatchId
from temporal.housekeeping import HOUSEKEEPING_WORKFLOW
from tests.workflows.world import ANSWERED, BUSY, QUICK, World, a_real_server, a_world, until
from workflows import names
from workflows.housekeeping.workflow import JOBS
from workflows.messages import HousekeepingInput

pytestmark = pytest.mark.server

FORMER, NEXT = "former", "next"


@pytest.fixture
async def world_of_builds() -> AsyncIterator[World]:
    """Workers of two builds on one real server."""
    async with a_world(await a_real_server(), builds=(FORMER, NEXT)) as opened:
        yield opened


async def make_current(client: Client, build: str) -> None:
    """Have workflows begin on a build, as soon as the server has heard of its workers."""
    request = SetWorkerDeploymentCurrentVersionRequest(
        namespace=client.namespace, deployment_name=names.DEPLOYMENT, build_id=build
    )
    async with asyncio.timeout(20):
        while True:
            try:
                await client.workflow_service.set_worker_deployment_current_version(request)
            except RPCError:
                await asyncio.sleep(0.1)
            else:
                return


async def build_of(client: Client, workflow_id: str) -> str:
    """Return the build that runs the newest run of a workflow; empty is none."""
    described = await client.get_workflow_handle(workflow_id).describe()
    versioning = described.raw_description.workflow_execution_info.versioning_info
    return versioning.deployment_version.build_id


async def has_moved(client: Client, batch_id: BatchId, build: str) -> None:
    """Return once the batch is run by a build; it hears of one with its next task."""
    batch = client.get_workflow_handle(names.batch_workflow_id(batch_id))
    async with asyncio.timeout(20):
        while await build_of(client, batch.id) != build:
            await batch.signal(names.DISPATCH)
            await asyncio.sleep(0.2)


async def test_contact_ends_on_its_build_and_its_batch_moves_on(
    world_of_builds: World,
) -> None:
    world = world_of_builds
    world.telephone.script = lambda _, call: BUSY if call == 1 else ANSWERED
    await make_current(world.client, FORMER)
    campaign_id = await world.a_campaign(retry_policy=QUICK["retry_policy"])
    batch_id = await world.another_batch(campaign_id, contacts=1, keep_open=True)
    await world.start(batch_id)
    [first] = world.contacts(batch_id)
    await until(lambda: world.contacts(batch_id)[0].status is ContactStatus.RETRYING)

    await make_current(world.client, NEXT)
    await has_moved(world.client, batch_id, NEXT)
    await until(lambda: world.contacts(batch_id)[0].status is ContactStatus.COMPLETED, seconds=20)

    assert await build_of(world.client, names.contact_workflow_id(batch_id, first.contact_id)) == FORMER
    assert [call.attempt for call in world.calls(batch_id)] == [1, 2]


async def test_housekeeping_moves_with_its_next_task(world_of_builds: World) -> None:
    client = world_of_builds.client
    await make_current(client, FORMER)
    await client.start_workflow(
        HOUSEKEEPING_WORKFLOW,
        HousekeepingInput(term=timedelta(seconds=1), jobs=len(JOBS)),
        id=names.HOUSEKEEPING_WORKFLOW_ID,
        task_queue=names.CONTROL_QUEUE,
    )
    async with asyncio.timeout(30):
        for build in (FORMER, NEXT):
            await make_current(client, build)
            while await build_of(client, names.HOUSEKEEPING_WORKFLOW_ID) != build:  # noqa: ASYNC110 - on a server
                await asyncio.sleep(0.1)


async def test_without_names_of_builds_nothing_belongs_to_one(live_world: World) -> None:
    batch_id = await live_world.a_batch()
    await (await live_world.start(batch_id)).result()

    assert await build_of(live_world.client, names.batch_workflow_id(batch_id)) == ""
