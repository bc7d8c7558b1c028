"""The guard of determinism around workflow code."""

from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

# Plain values and rules: loading them again for every run costs much and guards nothing.
# `workflows.batch.workflow` and `workflows.contact.workflow` themselves stay inside.
_OUTSIDE = (
    "activities",
    "domain",
    "pydantic",
    "pydantic_core",
    "workflows.search_attributes",
    "workflows.batch.dashboard",
    "workflows.markdown",
    "workflows.descriptions",
    "workflows.messages",
    "workflows.names",
    "workflows.options",
    "workflows.batch.limits",
    "workflows.text",
)


def sandboxed() -> SandboxedWorkflowRunner:
    """Return the runner that refuses clocks, randomness and I/O in workflows."""
    return SandboxedWorkflowRunner(
        restrictions=SandboxRestrictions.default.with_passthrough_modules(*_OUTSIDE)
    )
