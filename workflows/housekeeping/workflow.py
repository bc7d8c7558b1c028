"""Looks after what was left behind, once per deployment: batches without workflow, endings, rules, events."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.deliveries import DeliveryActivities
    from activities.housekeeping import HousekeepingActivities, HousekeepingTerm
    from activities.number_zones import NumberZoneActivities
    from activities.retention import RetentionActivities
    from activities.webhooks import WebhookActivities
    from workflows.markdown import table
    from workflows.messages import HousekeepingInput
    from workflows.options import housekeeping
    from workflows.text import instant

REST_AFTER_FAILURE = timedelta(seconds=15)
SLOTS_WAIT = timedelta(seconds=2)
"""No slot comes back while endings are not delivered."""
CLIENTS_WAIT = timedelta(seconds=5)
NOBODY_WAITS = timedelta(seconds=10)
"""Each sign of life is billed, day and night."""


@dataclass(frozen=True)
class Job:
    """One of the loops."""

    activity: Callable[[Any, HousekeepingTerm], Awaitable[None]]
    summary: str
    silence: timedelta = NOBODY_WAITS
    """Without a sign of life for so long, another worker takes it up."""


JOBS = (
    Job(DeliveryActivities.deliver_endings, "tells contacts' workflows how their calls ended", SLOTS_WAIT),
    Job(HousekeepingActivities.start_batches, "starts batches whose workflow was never started"),
    Job(
        HousekeepingActivities.signal_changed_rules, "signals changed rules to batches that do not know them"
    ),
    Job(WebhookActivities.deliver_webhooks, "posts what happens to clients' webhook endpoints", CLIENTS_WAIT),
    Job(RetentionActivities.apply_retention, "empties and forgets what was kept long enough"),
    Job(NumberZoneActivities.learn_zones, "learns the zones of numbers that contacts ask for"),
)
"""A new one comes last: a run has as many of them as its start says."""


@workflow.defn
class HousekeepingWorkflow:
    """Keeps one activity of each job running, for ever; the next worker starts one that was ended by hand.

    An activity runs until its term is over or its worker shuts down, and is taken up by another worker when
    its own dies. Continues as new after a number of terms.
    """

    @workflow.init
    def __init__(self, start: HousekeepingInput) -> None:
        self._start = start
        self._jobs = JOBS[: start.jobs]
        self._is_ending = False
        self._terms = 0
        self._came_of: dict[str, tuple[datetime, str]] = {}

    @workflow.run
    async def run(self, start: HousekeepingInput) -> None:
        """Go on for ever."""
        jobs = [asyncio.create_task(self._keep(job)) for job in self._jobs]
        self._show()
        await workflow.wait_condition(self._should_continue_as_new)
        self._is_ending = True
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)  # or activities would outlast their run
        workflow.continue_as_new(replace(start, jobs=len(JOBS)))

    async def _keep(self, job: Job) -> None:
        """Have a job done, term after term; what becomes of it does not touch the others."""
        while not self._is_ending:
            try:
                await workflow.execute_activity_method(
                    job.activity,
                    HousekeepingTerm(self._start.term),
                    summary=job.summary,
                    cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
                    **housekeeping(job.silence),
                )
                self._note(job, "handed over")
            except ActivityError:
                if self._is_ending:
                    return  # it was cancelled
                self._note(job, "failed")
                await workflow.sleep(REST_AFTER_FAILURE, summary=f"rests, then {job.summary}")

    def _note(self, job: Job, came_of: str) -> None:
        self._terms += 1
        self._came_of[job.summary] = (workflow.now(), came_of)
        self._show()

    def _should_continue_as_new(self) -> bool:
        return self._terms >= self._start.terms_per_run or workflow.info().is_continue_as_new_suggested()

    def _show(self) -> None:
        """Put the jobs on the run's page in the Web UI."""
        workflow.set_current_details(table(("job", "last"), [self._line(job) for job in self._jobs]))

    def _line(self, job: Job) -> tuple[str, str]:
        if job.summary not in self._came_of:
            return job.summary, "first term under way"
        at, came_of = self._came_of[job.summary]
        return job.summary, f"{came_of} at {instant(at)}"
