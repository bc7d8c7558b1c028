"""How a run that would go on for long leaves the build of workers that began it."""

from temporalio import workflow


def must_move() -> bool:
    """Tell whether workers of another build are to take over; never where builds have no names."""
    return workflow.info().is_target_worker_deployment_version_changed()
