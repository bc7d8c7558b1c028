"""The housekeeping where builds of workers have names."""

from temporalio import workflow
from temporalio.common import VersioningBehavior

with workflow.unsafe.imports_passed_through():
    from workflows.housekeeping.workflow import HousekeepingWorkflow
    from workflows.messages import HousekeepingInput


@workflow.defn(name=HousekeepingWorkflow.__name__, versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class MovingHousekeeping(HousekeepingWorkflow):
    """The same, which any build takes over with its next task: without it nobody would be told of endings.

    A type of its own, because the server refuses to hear of moving where builds have no names.
    """

    @workflow.init
    def __init__(self, start: HousekeepingInput) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: HousekeepingInput) -> None:
        """Go on for ever."""
        await super().run(start)
