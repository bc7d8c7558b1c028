"""The talk of an answered call: what its application says is done, and the callee answers."""

import asyncio
from collections import deque
from collections.abc import Mapping

from domain.call import has_ended
from telephony.simulator.application import Application
from telephony.simulator.call import SimulatedCall, Verb

MOST_QUESTIONS = 30
"""Asked of one callee; an application that goes on and on is hung up on."""
_LONGEST_PAUSE_SECONDS = 60.0


async def converse(call: SimulatedCall, application: Application, says: str) -> None:
    """Do one verb after the other until there is none left, or the call is over.

    Talking takes no time. What an action hook answers with replaces what was still to be done.
    """
    verbs = deque(await _ask(call, application, {}))
    questions = 0
    while verbs and not has_ended(call.status):
        verb = verbs.popleft()
        match verb.get("verb"):
            case "hangup":
                return
            case "pause":
                await asyncio.sleep(_length_of(verb))
            case "gather":
                questions += 1
                if questions > MOST_QUESTIONS:
                    return
                hook = verb.get("actionHook")
                if isinstance(hook, str):
                    verbs = deque(await _ask(call, application, _speech(says), hook)) or verbs


async def _ask(
    call: SimulatedCall, application: Application, heard: Mapping[str, object], hook: str | None = None
) -> list[Verb]:
    told = {**(call.request.form(call, call.moments[-1]) or {}), **heard}
    verbs = list(await application.ask(told, hook) or ())
    call.verbs += verbs
    return verbs


def _speech(says: str) -> Mapping[str, object]:
    """Return what the gathering of speech reports; of a callee who says nothing, that the time is over."""
    if not says:
        return {"reason": "timeout"}
    alternatives = [{"transcript": says, "confidence": 0.93}]
    speech = {"language_code": "en-US", "channel_tag": 1, "is_final": True, "alternatives": alternatives}
    return {"reason": "speechDetected", "speech": speech}


def _length_of(verb: Verb) -> float:
    length = verb.get("length")
    return min(max(length, 0.0), _LONGEST_PAUSE_SECONDS) if isinstance(length, int | float) else 0.0
