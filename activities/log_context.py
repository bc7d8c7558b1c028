"""The ids of the running activity in every line it logs."""

import structlog
from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor


class LogContextInterceptor(Interceptor):
    """Bind which workflow asked for what, and for which attempt at a contact."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Wrap the activity."""
        return _Bound(next)


class _Bound(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> object:
        info = activity.info()
        ids: dict[str, object] = {"activity": info.activity_type, "workflow_id": info.workflow_id}
        attempt = getattr(input.args[0], "attempt", None) if input.args else None
        if attempt is not None:
            ids["attempt"] = attempt
        with structlog.contextvars.bound_contextvars(**ids):
            return await super().execute_activity(input)
