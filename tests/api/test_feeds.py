"""One reader for all who follow a batch: what they are told, how often it is read, and how it ends."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from api.followers import feed as feeds_module
from api.followers.feed import Feed, Feeds
from api.followers.snapshots import END, Snapshot
from api.http.refusals import RateLimited
from domain.errors import BatchNotFound, StoreUnavailable

KEY = ("org_demo", "btc_1")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait for half a second."""
    monkeypatch.setattr(feeds_module, "READ_EVERY_SECONDS", 0.01)
    monkeypatch.setattr(feeds_module, "REST_AFTER_FAILURE_SECONDS", 0.01)


@dataclass
class Batch:
    """A batch whose pictures are given one after the other, the last one again and again."""

    pictures: Sequence[Snapshot | Exception]
    reads: int = 0
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self) -> Snapshot:
        self.reads += 1
        if self.reads > 1:
            await self.go_on.wait()
        picture = self.pictures[min(self.reads, len(self.pictures)) - 1]
        if isinstance(picture, Exception):
            raise picture
        return picture


def a_picture(done: int, *, is_last: bool = False) -> Snapshot:
    return Snapshot({"batch_id": "btc_1", "status": "in_progress", "counters": {"completed": done}}, is_last)


async def told(feeds: Feeds, batch: Batch, last_id: str | None = None) -> Sequence[bytes]:
    """Return all that a follower is told; the batch goes on with the first event."""
    events = []
    async with asyncio.timeout(30):
        async for event in feeds.events(KEY, batch.read, last_id):
            events.append(event)
            batch.go_on.set()
    return events


def an_event(kind: str, picture: Snapshot, text: str) -> bytes:
    return f"event: {kind}\nid: {picture.id}\ndata: {text}\n\n".encode()


async def test_follower_is_told_the_batch_then_what_changes_then_the_end() -> None:
    first, second, last = a_picture(1), a_picture(2), a_picture(3, is_last=True)

    events = await told(Feeds(), Batch([first, second, last]))

    whole = '{"batch_id":"btc_1","status":"in_progress","counters":{"completed":1}}'
    assert events == [
        an_event("batch", first, whole),
        an_event("change", second, '{"counters":{"completed":2}}'),
        an_event("change", last, '{"counters":{"completed":3}}'),
        END,
    ]


async def test_batch_that_stays_as_it_is_is_not_told_again() -> None:
    same, last = a_picture(1), a_picture(2, is_last=True)

    events = await told(Feeds(), Batch([same, a_picture(1), a_picture(1), last]))

    assert len(events) == 3


async def test_who_comes_again_with_the_last_id_is_told_what_changed_since() -> None:
    first, last = a_picture(1), a_picture(2, is_last=True)
    batch = Batch([first, last])
    batch.go_on.set()

    events = await told(Feeds(), batch, last_id=first.id)
    outdated = await told(Feeds(), Batch([last]), last_id=first.id)

    assert events == [an_event("change", last, '{"counters":{"completed":2}}'), END]
    assert outdated == [last.whole, END]


async def test_a_hundred_followers_cost_the_reads_of_one() -> None:
    feeds, batch = Feeds(), Batch([a_picture(each) for each in range(5)] + [a_picture(9, is_last=True)])

    everybody = await asyncio.gather(*(told(feeds, batch) for _ in range(100)))

    assert batch.reads == 6
    assert all(events[-2:][0].startswith(b"event: change") and events[-1] == END for events in everybody)


async def test_who_comes_later_begins_with_the_batch_as_it_stands() -> None:
    feeds, batch = Feeds(), Batch([a_picture(1), a_picture(2, is_last=True)])
    early = feeds.events(KEY, batch.read, None)
    await anext(early)

    late = feeds.events(KEY, batch.read, None)

    assert await anext(late) == a_picture(1).whole
    await early.aclose()
    await late.aclose()


async def test_batch_is_read_no_more_once_the_last_follower_has_left() -> None:
    feeds, batch = Feeds(), Batch([a_picture(1)])
    batch.go_on.set()
    events = feeds.events(KEY, batch.read, None)
    await anext(events)

    await events.aclose()
    reads = batch.reads
    await asyncio.sleep(0.05)

    assert batch.reads == reads


async def test_store_that_is_away_for_a_while_is_waited_for() -> None:
    away: list[Any] = [a_picture(1), StoreUnavailable(), StoreUnavailable(), a_picture(2, is_last=True)]

    events = await told(Feeds(), Batch(away))

    assert [event.split(b"\n")[0] for event in events] == [b"event: batch", b"event: change", b"event: end"]


async def test_batch_that_is_deleted_ends_its_streams() -> None:
    assert (await told(Feeds(), Batch([a_picture(1), BatchNotFound()])))[-1] == END


async def test_reader_that_fails_closes_the_streams_without_calling_it_the_end() -> None:
    batch = Batch([a_picture(1), ZeroDivisionError()])
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, _context: None)

    assert await told(Feeds(), batch) == [a_picture(1).whole]


async def test_stream_ends_after_a_while_so_that_its_token_is_looked_at_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feeds_module, "LONGEST_SECONDS", 0.05)

    assert await told(Feeds(), Batch([a_picture(1)])) == [a_picture(1).whole]


async def test_no_more_may_follow_than_a_process_can_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds_module, "MOST_FOLLOWERS", 1)
    feeds, batch = Feeds(), Batch([a_picture(1)])
    events = feeds.events(KEY, batch.read, None)
    feeds.admit()
    await anext(events)

    with pytest.raises(RateLimited):
        feeds.admit()

    await events.aclose()
    feeds.admit()


@pytest.mark.parametrize(
    ("followers", "times"),
    [
        pytest.param(1, 1, id="one"),
        pytest.param(250, 1, id="as many as are told at once"),
        pytest.param(500, 2, id="twice as many"),
        pytest.param(2000, 4, id="the most"),
    ],
)
async def test_the_more_follow_the_more_rarely_they_are_told(followers: int, times: int) -> None:
    feed = Feed(Batch([a_picture(1)]).read)
    feed.followers = followers

    assert feed.pause_seconds == pytest.approx(times * feeds_module.READ_EVERY_SECONDS)
