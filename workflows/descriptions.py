"""What every signal and query does, with an example of its input: shown by the Web UI and `temporal`."""

from collections.abc import Mapping

from workflows import names

DESCRIPTIONS: Mapping[str, str] = {
    names.PAUSE: 'Start no more calls. Input is optional: {"reason": "lunch", "by": "night shift"}',
    names.RESUME: 'Go on after a pause. Input is optional: {"reason": "lunch", "by": "night shift"}',
    names.CANCEL: 'End the batch for good. Input is optional: {"reason": "lunch", "by": "night shift"}',
    names.DISPATCH: 'Look for contacts to call again. Input is optional: {"reason": "it stands still"}',
    names.POLICY_CHANGED: 'Read status, limit and hours again; the API says why: {"action": "pause"}',
    names.ATTEMPT_REPORTED: "Sent by contacts, not by people: "
    '{"contact_id": "con_1", "attempt": 1, "status": "completed"}',
    names.SLOT_REQUESTED: "Sent by contacts, not by people: "
    '{"contact_id": "con_1", "attempt": 2, "kind": "retry"}',
    names.CONTACT_SKIPPED: "Sent by the API, whose endpoint people use: "
    '{"contact_id": "con_1", "was": "pending"}',
    names.FOLLOW_UP_SCHEDULED: "Sent by the API, whose endpoint people use: "
    '{"contact_id": "con_1", "attempt": 2, "at": "2030-01-31T09:00:00Z"}',
    names.RECOUNT: "Look at the rows again, and for slots whose workflows are lost. No input needed.",
    names.SLOTS_FREED: "Sent by other batches of the campaign: a slot may be free. No input needed.",
    names.COUNTERS: "How many contacts stand where, read within two seconds; live = on a slot. No input.",
    names.IN_FLIGHT: "Contacts that hold a slot, the first hundred, and their attempts. No input.",
    names.DEBUG: "What the batch knows and waits for. No input.",
    names.CALL_EVENT: 'Sent by the API: where a call stands, {"attempt": 1, "call_status": "completed"}',
    names.SLOT_GRANTED: 'Sent by the batch, not by people: dial now, {"attempt": 2}',
    names.DUE_CHANGED: "Sent by the batch, not by people: sleep until then instead, null for no longer, "
    '{"attempt": 2, "due_at": "2030-01-31T09:00:00Z"}',
    names.STOP: "Sent by the batch once the contact is skipped. No input.",
}
