"""What the answers of all providers have in common: proof that nobody was dialled, and a reason.

A reason is in the provider's own words, without numbers, names and secrets.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import httpx

from domain.telephony import CallRequest, Misconfigured, Throttled, Unavailable
from telephony.request_rate import read_retry_after

LONGEST = 120
"""Characters of a reason."""
HIDDEN = "…"
_READ = 1_000
"""Characters of an answer that are searched for a reason."""
_NAMES = ("msg", "message", "error", "detail", "reason")
_PLAIN_WORD = re.compile(r"[A-Za-z_]{1,40}(?:[-/'][A-Za-z_]{1,40})*")
_LETTERS = re.compile(r"[^\W\d_]+")
_AROUND_A_WORD = "\"'`()[].,:;!?"


def reason_of(response: httpx.Response, unfit: frozenset[str]) -> str:
    """Return an answer's status code and its explanation.

    Only plain words that are not in `unfit` are kept: an answer may quote what it was sent.
    """
    code = f"provider answered {response.status_code}"
    reason = _fit(_explanation_in(response).split(), unfit)
    return f"{code}: {reason}" if reason.strip(f"{HIDDEN} ") else code


def read_not_dialled(
    response: httpx.Response, reason: str, now: datetime
) -> Throttled | Misconfigured | Unavailable | None:
    """Return why no call was placed; None where the answer does not prove it, whichever the provider."""
    status = response.status_code
    if 300 <= status < 400:
        return Misconfigured(reason)
    match status:
        case 400 | 401 | 403 | 404 | 405 | 413 | 415:
            return Misconfigured(reason)
        case 429:
            return Throttled(read_retry_after(response.headers.get("Retry-After"), now))
        case 480:
            return Unavailable(reason)
    return None


def unfit_words(secrets: Sequence[str], request: CallRequest | None = None) -> frozenset[str]:
    """Return the words that no reason may hold: those of secrets, and those about the callee.

    Numbers and ids are left out anyway, as are all words with a digit.
    """
    personal = () if request is None else (request.variables, request.context)
    texts = (*secrets, *_texts_in(personal))
    return frozenset(word.lower() for text in texts for word in _LETTERS.findall(text))


def _explanation_in(response: httpx.Response) -> str:
    kind = response.headers.get("Content-Type", "")
    if kind.startswith("text/plain"):
        return response.text[:_READ]
    if "json" not in kind:
        return ""
    try:
        answer: object = response.json()
    except ValueError:
        return ""
    return _message_in(answer)[:_READ]


def _message_in(answer: object) -> str:
    if isinstance(answer, str):
        return answer
    if not isinstance(answer, Mapping):
        return ""
    messages = (_message_in(answer[name]) for name in _NAMES if name in answer)
    return next((message for message in messages if message), "")


def _fit(words: Sequence[str], unfit: frozenset[str]) -> str:
    kept: list[str] = []
    for word in words:
        shown = word if _is_fit(word, unfit) else HIDDEN
        if shown != HIDDEN or kept[-1:] != [HIDDEN]:
            kept.append(shown)
    text = " ".join(kept)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + HIDDEN


def _is_fit(word: str, unfit: frozenset[str]) -> bool:
    bare = word.strip(_AROUND_A_WORD)
    is_plain = _PLAIN_WORD.fullmatch(bare) is not None
    return is_plain and unfit.isdisjoint(part.lower() for part in _LETTERS.findall(bare))


def _texts_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts_of(value.values())
    elif isinstance(value, Sequence):
        yield from _texts_of(value)


def _texts_of(values: Iterable[object]) -> Iterator[str]:
    for value in values:
        yield from _texts_in(value)
