"""How a batch follows rules that changed: page by page, between two reads of the rows."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.batch import TERMINAL_BATCH
    from domain.contact import SLEEPING
    from domain.slots import CLOCKS_DIFFER_BY, GrantedSlots
    from workflows.batch import activity_calls, limits
    from workflows.batch.clock import LookClock
    from workflows.batch.rescheduled import RescheduledContacts
    from workflows.messages import BatchState, RulesPass


class ChangedRules:
    """Has waiting contacts timed when the version of the rules is another one, signalled or not.

    Each change is followed at once, and again a while later: an attempt that ended under the old rules may
    have been settled by them meanwhile.
    """

    def __init__(
        self, batch_id: str, state: BatchState, rescheduled: RescheduledContacts, clock: LookClock
    ) -> None:
        self._batch_id = batch_id
        self._clock = clock
        self._state = state
        self._rescheduled = rescheduled

    async def follow_next(self, stands: GrantedSlots) -> bool:
        """Time a page of waiting contacts; True while more are left."""
        state = self._state
        if stands.policy_version is None or stands.at is None or stands.status in TERMINAL_BATCH:
            return False
        if state.followed_version is None and self._nobody_waits():
            state.followed_version = stands.policy_version
        is_due_again = state.follow_again_at is not None and state.follow_again_at <= self._clock.now
        if state.rules_pass is None and (is_due_again or state.followed_version != stands.policy_version):
            # The process that times contacts may read the clock a little earlier.
            since = stands.at - CLOCKS_DIFFER_BY
            state.rules_pass = RulesPass(version=stands.policy_version, since=since)
        return state.rules_pass is not None and await self._time_page(state.rules_pass)

    async def _time_page(self, under_way: RulesPass) -> bool:
        page = await activity_calls.reschedule_contacts(self._batch_id, under_way.position)
        under_way.has_moved = under_way.has_moved or page.may_have_moved
        if page.next_position is None:
            self._end(under_way)
            return False
        under_way.position = page.next_position
        return True

    def _end(self, under_way: RulesPass) -> None:
        """Have moved contacts notified; a version that came since is another pass."""
        state = self._state
        is_first = state.followed_version != under_way.version
        state.follow_again_at = self._clock.now + limits.SETTLED_AFTER if is_first else None
        state.followed_version, state.rules_pass = under_way.version, None
        if under_way.has_moved:
            self._rescheduled.expect(under_way.since)

    def _nobody_waits(self) -> bool:
        """Tell whether no contact waits for a later call: of a batch that is new, or was started again."""
        return not any(self._state.counts.get(status) for status in SLEEPING)
