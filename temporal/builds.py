"""Builds of the workers' code, by which the server keeps a workflow with the workers that began it."""

from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import WorkerDeploymentConfig

from workflows import names


def deployment(build_id: str | None) -> WorkerDeploymentConfig | None:
    """Return which version of the worker deployment a build is, none where builds have no names.

    It is for workers of workflows: a run stays with its build, unless its workflow says otherwise. Activities
    are of no version: any worker of their queue takes them.
    """
    if build_id is None:
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(names.DEPLOYMENT, build_id),
        use_worker_versioning=True,
        # Said by the worker and not by each workflow: the server refuses it of workers without a version.
        default_versioning_behavior=VersioningBehavior.PINNED,
    )
