"""Why a provider did not dial, in its own words: short, and without a number, a name or a secret."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import httpx

from domain.telephony import CallRequest

LONGEST = 120
"""Characters of an answer that are told."""
HIDDEN = "…"
_READ = 1_000
"""Characters of an answer that are looked at."""
_NAMES = ("msg", "message", "error", "detail", "reason")
_PLAIN_WORD = re.compile(r"[A-Za-z_]{1,40}(?:[-/'][A-Za-z_]{1,40})*")
_LETTERS = re.compile(r"[^\W\d_]+")
_AROUND_A_WORD = "\"'`()[].,:;!?"


def reason_of(response: httpx.Response, unfit: frozenset[str]) -> str:
    """Return the code of an answer and the words it gives for it.

    Words are told only where they are plain ones and none of `unfit`: an answer may quote what it was sent.
    """
    code = f"provider answered {response.status_code}"
    told = _fit(_said(response).split(), unfit)
    return f"{code}: {told}" if told.strip(f"{HIDDEN} ") else code


def unfit_words(secrets: Sequence[str], request: CallRequest | None = None) -> frozenset[str]:
    """Return the words that no reason may hold: those of secrets, and of the person that is called.

    Numbers and ids need no mention, for no word with a digit is ever told.
    """
    told = () if request is None else (request.variables, request.context)
    texts = (*secrets, *_texts_in(told))
    return frozenset(word.lower() for text in texts for word in _LETTERS.findall(text))


def _said(response: httpx.Response) -> str:
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
    told: list[str] = []
    for word in words:
        shown = word if _is_fit(word, unfit) else HIDDEN
        if shown != HIDDEN or told[-1:] != [HIDDEN]:
            told.append(shown)
    text = " ".join(told)
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
