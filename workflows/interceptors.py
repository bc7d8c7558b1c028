"""Guard against what operators type: a surplus signal argument would wedge a workflow for ever."""

from temporalio.worker import (
    HandleSignalInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)


class OneArgumentInterceptor(Interceptor):
    """Hand every signal its first argument and drop the rest."""

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: ARG002 - all workflows alike
    ) -> type[WorkflowInboundInterceptor] | None:
        """Return the guard, for every workflow."""
        return _OneArgument


class _OneArgument(WorkflowInboundInterceptor):
    async def handle_signal(self, input: HandleSignalInput) -> None:
        input.args = list(input.args)[:1]
        await super().handle_signal(input)
