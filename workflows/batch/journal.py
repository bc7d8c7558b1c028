"""What operators asked of a batch and what came of it, for its page in the Web UI."""

from collections.abc import Awaitable, Callable
from functools import partial

from pydantic import TypeAdapter, ValidationError
from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.batch import BatchStatus
    from domain.lifecycle import Action
    from workflows.batch import activity_calls
    from workflows.messages import (
        OPERATOR_REQUEST,
        POLICY_CHANGED,
        BatchState,
        Entry,
        Message,
        OperatorRequest,
        PolicyChanged,
        read_request,
    )
    from workflows.text import plain

ACTIONS_KEPT = 10
NOTES_KEPT = 5


class Journal:
    """Keeps the newest actions, and notes on signals that could not be read."""

    def __init__(self, batch_id: str, state: BatchState) -> None:
        self._batch_id = batch_id
        self._state = state

    def act(self, action: Action, request: object) -> Callable[[], Awaitable[None]]:
        """Write down what was signalled, and return how it is done."""
        return partial(self._act, action, self.write(action, request))

    async def _act(self, action: Action, entry: Entry) -> None:
        acted = await activity_calls.act(self._batch_id, action)
        if acted is not None:
            entry.came_of = acted.came_of

    def write(self, signal: str, request: object) -> Entry:
        """Write down a signal of a person."""
        said = self._said(signal, request)
        whose = f"{signal} by {plain(said.by)}" if said.by else signal
        return self._add(f"{whose}: {plain(said.reason)}" if said.reason else whose)

    def write_change(self, signal: str, request: object) -> PolicyChanged | None:
        """Write down that the database was changed, by the API as a rule, and return what is known of it."""
        changed = read_request(POLICY_CHANGED, request)
        self._add(f"{changed.action} by the API" if changed and changed.action else signal)
        return changed

    def settle(self, status: BatchStatus) -> None:
        """Tell of what was asked for before the batch was read again how it stands now."""
        for entry in self._state.actions:
            entry.came_of = entry.came_of or f"now {status}"

    def read(self, signal: str, shape: TypeAdapter[Message], request: object) -> Message | None:
        """Return what was signalled in the shape it should have; note it when it does not fit."""
        message = read_request(shape, request)
        if message is None:
            self._note(signal, "ignored, for its input does not fit")
        return message

    def _said(self, signal: str, request: object) -> OperatorRequest:
        if isinstance(request, str):
            return OperatorRequest(reason=request)
        try:
            return OPERATOR_REQUEST.validate_python({} if request is None else request)
        except ValidationError:
            self._note(signal, "done, but its input was not understood")
            return OperatorRequest()

    def _add(self, what: str) -> Entry:
        entry = Entry(workflow.now(), what)
        self._state.actions = [*self._state.actions, entry][-ACTIONS_KEPT:]
        return entry

    def _note(self, signal: str, came_of: str) -> None:
        self._state.notes = [*self._state.notes, Entry(workflow.now(), signal, came_of)][-NOTES_KEPT:]
