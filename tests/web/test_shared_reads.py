"""A dear read is made once for all who ask within a moment; a failure is kept for nobody."""

import asyncio

import pytest

from web.shared_reads import MOST, SharedReads


class Source:
    """Counts how often it is read."""

    def __init__(self) -> None:
        self.reads = 0
        self.is_broken = False
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def read(self) -> int:
        self.reads += 1
        await self.may_answer.wait()
        if self.is_broken:
            raise LookupError
        return self.reads


async def test_answer_is_shared_until_it_is_old() -> None:
    moments = [0.0]
    shared, source = SharedReads(clock=lambda: moments[-1]), Source()

    first = [await shared.get("a", 5, source.read) for _ in range(2)]
    moments.append(5.1)

    assert (first, await shared.get("a", 5, source.read)) == ([1, 1], 2)


async def test_whoever_asks_meanwhile_waits_for_the_same_answer_and_one_who_leaves_takes_it_from_nobody() -> (
    None
):
    shared, source = SharedReads(), Source()
    source.may_answer.clear()
    leaving, staying = (asyncio.create_task(shared.get("a", 5, source.read)) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    source.may_answer.set()

    assert (await staying, source.reads) == (1, 1)
    assert leaving.cancelled()


async def test_failure_is_kept_for_nobody() -> None:
    shared, source = SharedReads(), Source()
    source.is_broken = True
    with pytest.raises(LookupError):
        await shared.get("a", 5, source.read)
    source.is_broken = False

    assert await shared.get("a", 5, source.read) == 2


async def test_answers_are_bounded_and_apart_by_what_was_asked() -> None:
    shared, source = SharedReads(), Source()

    answers = [await shared.get(each, 5, source.read) for each in range(MOST + 1)]

    assert answers == list(range(1, MOST + 2))
    assert await shared.get(MOST, 5, source.read) == MOST + 1
    assert await shared.get(0, 5, source.read) == MOST + 2
