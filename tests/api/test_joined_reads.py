"""A read is shared by those who came before it began, and by nobody else."""

import asyncio
from functools import partial

import pytest

from api.http.singleflight import Singleflight


class Shelf:
    """Counts its reads; each takes as long as it is told, and finds what lay there when it began."""

    def __init__(self) -> None:
        self.value, self.reads = "old", 0
        self.may_end = asyncio.Event()

    async def read(self) -> str:
        """Return what lies there now, later."""
        self.reads += 1
        found = self.value
        await self.may_end.wait()
        return found


async def begun(shelf: Shelf, reads: Singleflight[str, str], askers: int) -> list["asyncio.Task[str]"]:
    asked = [asyncio.create_task(reads.ask("key", shelf.read)) for _ in range(askers)]
    await asyncio.sleep(0.01)
    return asked


async def test_everybody_who_comes_while_a_read_runs_shares_the_next_one() -> None:
    shelf, reads = Shelf(), Singleflight[str, str]()
    first = await begun(shelf, reads, 1)
    shelf.value = "new"
    later = await begun(shelf, reads, 50)
    shelf.may_end.set()

    assert await asyncio.gather(*first) == ["old"]
    assert await asyncio.gather(*later) == ["new"] * 50
    assert shelf.reads == 2


async def test_change_before_the_question_is_in_the_answer() -> None:
    shelf, reads = Shelf(), Singleflight[str, str]()
    told = []
    shelf.may_end.set()
    for value in ("first", "second", "third"):
        shelf.value = value
        told.append(await reads.ask("key", shelf.read))

    assert told == ["first", "second", "third"]
    assert shelf.reads == 3


async def test_failure_reaches_all_who_wait_and_the_next_read_begins_afresh() -> None:
    reads = Singleflight[str, int]()

    async def fail() -> int:
        raise LookupError

    async def succeed() -> int:
        return 1

    failed = await asyncio.gather(*(reads.ask("key", fail) for _ in range(3)), return_exceptions=True)

    assert [type(each) for each in failed] == [LookupError] * 3
    assert await reads.ask("key", succeed) == 1


async def test_whoever_leaves_takes_nothing_away_from_the_others() -> None:
    shelf, reads = Shelf(), Singleflight[str, str]()
    [impatient] = await begun(shelf, reads, 1)
    patient = await begun(shelf, reads, 2)
    impatient.cancel()
    patient.pop().cancel()
    shelf.may_end.set()

    assert await patient[0] == "old"
    with pytest.raises(asyncio.CancelledError):
        await impatient


async def test_keys_do_not_wait_for_each_other() -> None:
    reads, slow = Singleflight[str, str](), asyncio.Event()

    async def read(wait: bool) -> str:
        if wait:
            await slow.wait()
        return "read"

    held = asyncio.create_task(reads.ask("slow", partial(read, True)))
    await asyncio.sleep(0.01)

    assert await reads.ask("quick", partial(read, False)) == "read"
    slow.set()
    assert await held == "read"


async def test_reads_of_one_key_begin_apart_and_whoever_comes_meanwhile_shares_the_next() -> None:
    rest, loop = 0.3, asyncio.get_running_loop()
    reads, begun_at = Singleflight[str, int](rest_seconds=rest), list[float]()

    async def read() -> int:
        begun_at.append(loop.time())
        return len(begun_at)

    alone = await reads.ask("key", read)
    together = await asyncio.gather(*(reads.ask("key", read) for _ in range(3)))

    assert (alone, together) == (1, [2, 2, 2])
    assert begun_at[1] - begun_at[0] >= rest * 0.95


async def test_first_read_of_a_key_waits_for_nobody() -> None:
    reads = Singleflight[str, None](rest_seconds=60)

    async with asyncio.timeout(10):
        for key in ("one", "two", "three"):
            await reads.ask(key, partial(asyncio.sleep, 0))
