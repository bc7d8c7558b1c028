"""The guard of determinism around workflow code."""

from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

# Plain values and rules: loading them anew for every run costs much and guards nothing.
# `workflows.batch` and `workflows.contact` themselves stay inside.
_OUTSIDE = (
    "activities",
    "domain",
    "pydantic",
    "pydantic_core",
    "workflows.attributes",
    "workflows.dashboard",
    "workflows.markdown",
    "workflows.meanings",
    "workflows.messages",
    "workflows.names",
    "workflows.options",
    "workflows.pace",
    "workflows.words",
)


def sandboxed() -> SandboxedWorkflowRunner:
    """Return the runner that refuses clocks, randomness and I/O in workflows."""
    return SandboxedWorkflowRunner(
        restrictions=SandboxRestrictions.default.with_passthrough_modules(*_OUTSIDE)
    )
