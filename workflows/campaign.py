"""One campaign: leases its slots to its batches, so that together they never pass its limit."""

import asyncio
from collections.abc import Coroutine
from dataclasses import asdict, replace
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.campaign_messages import LoadCampaign, LoadedCampaign, LookAtHolders, SeenHolders
    from activities.campaigns import CampaignActivities
    from domain.leases import LeaseBook, SlotsLeased
    from workflows import campaign_page, messages, names
    from workflows.alarms import Alarms
    from workflows.meanings import MEANS
    from workflows.messages import CampaignInput, read_request
    from workflows.options import STORE
    from workflows.words import quantity

LOOK_EVERY = timedelta(seconds=10)
"""While slots are scarce: who holds some and has died gives them back."""
LOOK_IDLE_EVERY = timedelta(minutes=10)
_LOOK = "look for batches that died with slots in hand"
END_AFTER = timedelta(minutes=1)
"""Without a batch that wants a slot; the next one starts the workflow again."""
TELL_AGAIN_AFTER = timedelta(seconds=1)
SIGNALS_PER_RUN = 3000
"""Far below the server's limit of 10,000."""


@workflow.defn
class CampaignWorkflow:
    """Runs while batches share the campaign's `concurrency_limit`, and is started by the first of them.

    What batches signal: `slots_needed`. What people may signal: `policy_changed` (read the limit again).
    Query: `leases`. Slots change hands in blocks, so that its work grows with changes and not with calls.
    A lease survives continue-as-new; ended by hand, the workflow is started anew by whoever needs slots, and
    asks every batch what it holds before it leases anything.
    """

    @workflow.init
    def __init__(self, start: CampaignInput) -> None:
        self._campaign_id = start.campaign_id
        # Words of this run must be newer than those of any run before.
        self._book = start.book or LeaseBook(serial=int(workflow.now().timestamp() * 1000))
        self._is_open = self._is_stale = start.book is not None
        self._is_look_due = False
        self._has_news = False
        self._signals = 0
        self._alarms = Alarms()
        self._telling: set[asyncio.Task[None]] = set()
        self._heard: set[str] = set()
        """Batches that spoke while they were looked at."""

    @workflow.run
    async def run(self, start: CampaignInput) -> str:
        """Return when no batch has needed a slot for a while."""
        if start.book is None:
            await self._open()
        while True:
            self._has_news = False
            await self._refresh()
            self._share_out()
            self._look_later()
            self._show()
            if self._should_continue_as_new():
                await self._continue_as_new(start)
            elif not self._book.leases and not await self._has_guests():
                self._alarms.clear()
                return "no batch needs a slot"
            await workflow.wait_condition(lambda: self._has_news)

    @workflow.signal(name=names.SLOTS_NEEDED, description=MEANS[names.SLOTS_NEEDED])
    def slots_needed(self, request: object = None) -> None:
        """Take note of what a batch could use and holds."""
        self._signals += 1
        needed = read_request(messages.SLOTS_NEEDED, request)
        if needed is None:
            return
        self._is_stale = self._is_stale or (self._is_open and needed.campaign_limit != self._book.limit)
        self._book.hear(needed, workflow.now())
        self._heard.add(needed.batch_id)
        self._has_news = True

    @workflow.signal(name=names.POLICY_CHANGED, description=MEANS[names.POLICY_CHANGED])
    def policy_changed(self, request: object = None) -> None:  # noqa: ARG002 - as every signal
        """Read the campaign's limit again."""
        self._is_stale = True
        self._has_news = True

    @workflow.query(name=names.LEASES, description=MEANS[names.LEASES])
    def leases(self) -> dict[str, object]:
        """Return the limit, and what each batch wants, may use and holds."""
        return asdict(self._book)

    async def _open(self) -> None:
        """Read the limit, and count every batch for whatever an earlier workflow may have leased to it."""
        loaded = await self._load(with_batches=True)
        self._book.limit = loaded.concurrency_limit
        self._book.expect(loaded.batches)
        self._is_open = True

    async def _refresh(self) -> None:
        """Read the limit again, and look what became of who holds slots, when there is reason to."""
        if self._is_stale:
            self._is_stale = False
            self._book.limit = (await self._load()).concurrency_limit
        if self._is_look_due:
            self._is_look_due = False
            await self._look()

    async def _load(self, *, with_batches: bool = False) -> LoadedCampaign:
        return await workflow.execute_activity_method(
            CampaignActivities.load_campaign,
            LoadCampaign(self._campaign_id, with_batches),
            summary="what is the limit, and who is under way?" if with_batches else "what is the limit?",
            **STORE,
        )

    async def _look(self) -> None:
        holders = sorted(self._book.leases)
        if not holders:
            return
        self._heard.clear()
        seen: SeenHolders = await workflow.execute_activity_method(
            CampaignActivities.look_at_holders,
            LookAtHolders(holders),
            summary=f"who of {quantity(len(holders), 'batch', 'batches')} still holds slots?",
            **STORE,
        )
        for each in seen.holders:
            if each.batch_id not in self._heard:
                self._book.look_at(each, workflow.now())

    def _look_later(self) -> None:
        """Look again after a while, sooner once slots have become scarce."""
        pause = LOOK_EVERY if self._book.is_scarce or self._book.has_doubts else LOOK_IDLE_EVERY
        at, known = workflow.now() + pause, self._alarms.at(_LOOK)
        if known is None or at < known:
            self._alarms.set(_LOOK, at, self._look_soon)

    def _look_soon(self) -> None:
        self._is_look_due = True
        self._has_news = True

    def _share_out(self) -> None:
        for batch_id, leased in self._book.share_out(workflow.now()).items():
            self._tell(self._lease(batch_id, leased))

    def _tell(self, telling: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(telling)
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _lease(self, batch_id: str, leased: SlotsLeased) -> None:
        batch = workflow.get_external_workflow_handle(names.batch_workflow_id(batch_id))
        try:
            await batch.signal(names.SLOTS_LEASED, leased)
        except ApplicationError as error:
            if error.type == names.NO_SUCH_WORKFLOW:
                self._look_soon()
                return
            # It is about to continue as new, and must not go on by an older lease.
            await workflow.sleep(TELL_AGAIN_AFTER, summary="a batch could not be told")
            self._book.was_not_told(batch_id)
            self._has_news = True

    async def _has_guests(self) -> bool:
        """Wait a while for a batch that needs a slot."""
        try:
            await workflow.wait_condition(
                lambda: self._has_news, timeout=END_AFTER, timeout_summary="no batch needs a slot: end"
            )
        except TimeoutError:
            return False
        return True

    def _should_continue_as_new(self) -> bool:
        return self._signals >= SIGNALS_PER_RUN or workflow.info().is_continue_as_new_suggested()

    async def _continue_as_new(self, start: CampaignInput) -> None:
        await workflow.wait_condition(lambda: not self._telling and workflow.all_handlers_finished())
        workflow.continue_as_new(replace(start, book=self._book))

    def _show(self) -> None:
        workflow.set_current_details(campaign_page.details(self._book, workflow.now()))
