"""A batch and its campaign's slots: it says what it could use, and follows the lease it gets."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from domain.batch import BatchStatus
    from domain.leases import SlotsLeased, SlotsNeeded
    from domain.slot_share import SlotShare, SlotUse
    from workflows import errands, names, slots
    from workflows.alarms import Alarms
    from workflows.messages import BatchInput, BatchState

TELL_EVERY = timedelta(seconds=1)
"""The campaign hears of changes no more often, however fast calls come and go."""
ASK_AGAIN_EVERY = timedelta(minutes=1)
"""A batch that could use more asks again: the campaign's workflow may have been ended by hand."""

_TELL = "tell the campaign how many slots are needed"
_ASK_AGAIN = "ask the campaign for slots again"


class Share:
    """Keeps the campaign informed; a batch whose campaign has no cap says nothing."""

    def __init__(
        self, start: BatchInput, state: BatchState, alarms: Alarms, wake: Callable[[], None]
    ) -> None:
        self._start = start
        self._state = state
        self._alarms = alarms
        self._wake = wake
        self._telling: asyncio.Task[None] | None = None
        self._told_at: datetime | None = None
        self._is_due = False
        """The campaign is to be told what has changed for a while."""

    @property
    def is_told(self) -> bool:
        """Tell whether nothing is on its way to the campaign."""
        return self._telling is None

    def take(self, leased: SlotsLeased) -> None:
        """Follow a lease from now on."""
        if self._state.share is None:
            self._state.share = SlotShare()
        if self._state.share.take(leased):
            self._wake()

    def adjust(self) -> None:
        """Tell the campaign what it does not know: more wishes at once, what is given back in a moment."""
        use = slots.use(self._state)
        if self._state.share is None:
            if use.campaign_limit is None or self._state.status is BatchStatus.PENDING:
                return
            self._state.share = SlotShare()
        share = self._state.share
        if self._telling is not None:
            return  # it wakes the batch when it is done
        if not share.has_news(use):
            self._is_due = False
            if use.campaign_limit is None:
                self._state.share = None
        elif self._is_due or self._may_tell_at(share, use) <= workflow.now():
            self._tell(share, use)
        elif not self._alarms.is_set(_TELL):
            self._alarms.set(_TELL, self._may_tell_at(share, use), self._be_due)
        self._ask_again_later(is_hungry=share.is_hungry(use))

    async def leave(self) -> None:
        """Give everything back: nobody is live, and nobody will be."""
        if self._telling is not None:
            await self._telling
        share = self._state.share
        gone = SlotUse(wants=0, live=0, campaign_limit=self._state.campaign_limit)
        if share is not None and share.has_news(gone):
            await self._send(share.tell(self._start.batch_id, gone))

    def _may_tell_at(self, share: SlotShare, use: SlotUse) -> datetime:
        now = workflow.now()
        if share.owes_answer or self._told_at is None:
            return now
        rested = self._told_at + TELL_EVERY
        return rested if use.wants > share.told_wants else max(rested, now + TELL_EVERY)

    def _be_due(self) -> None:
        self._is_due = True
        self._wake()

    def _ask_again_later(self, *, is_hungry: bool) -> None:
        at = self._told_at + ASK_AGAIN_EVERY if is_hungry and self._told_at else None
        self._alarms.set(_ASK_AGAIN, at, self._ask_again)

    def _ask_again(self) -> None:
        if self._state.share is not None and self._telling is None:
            self._tell(self._state.share, slots.use(self._state))

    def _tell(self, share: SlotShare, use: SlotUse) -> None:
        self._told_at = workflow.now()
        self._is_due = False
        self._alarms.set(_TELL, None, self._be_due)
        self._telling = asyncio.create_task(self._send(share.tell(self._start.batch_id, use)))
        self._telling.add_done_callback(self._was_told)

    def _was_told(self, _telling: "asyncio.Task[None]") -> None:
        self._telling = None
        self._wake()

    async def _send(self, needed: SlotsNeeded) -> None:
        """Signal the campaign's workflow, or have it started where none runs."""
        campaign = workflow.get_external_workflow_handle(names.campaign_workflow_id(self._start.campaign_id))
        try:
            await campaign.signal(names.SLOTS_NEEDED, needed)
        except ApplicationError:
            # Not running, or about to continue as new: the activity waits for either.
            await errands.ask_campaign(self._start, needed)
