"""Appends at the very moment a batch's last contact ends: `python -m tests.store.append_race --tries 1000`.

The last call of a batch is settled, the batch finishes as its workflow would have it, and a client adds
somebody; the seed says when each of them begins. Either the append is refused and leaves nothing, or its
contact is granted a slot by the batch as it goes on.
"""

import argparse
import asyncio
import random
import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path

from domain.batch import Batch, BatchStatus
from domain.call import CallStatus
from domain.contact import ContactStatus
from domain.errors import IllegalTransition
from domain.settlement import Settlement
from embedded.postgres import EmbeddedPostgres
from store.database.engine import create_store_engine
from store.migrations import upgrade
from tests.builders import MONDAY_NOON, ORGANIZATION, a_new_contact, a_status_event
from tests.store.scenes import Stores

SOON = MONDAY_NOON + timedelta(minutes=5)
LONGEST_PAUSE = 0.03
"""Seconds: about as long as it takes to settle, look and finish."""
CALLED, REFUSED = "called", "refused"


async def play(stores: Stores, seed: int) -> str:
    """Let the append and the end meet once, and return what came of the append."""
    pauses = random.Random(seed)
    batch = await stores.a_kept_batch(1)
    (last,) = await stores.people_of(batch)
    execution_id = (await stores.claimed(last)).execution_id
    ended = a_status_event(CallStatus.COMPLETED)
    await stores.calls.record_event(execution_id, ended, event_key="1", body=None)

    async def end() -> None:
        await asyncio.sleep(pauses.random() * LONGEST_PAUSE / 3)
        await stores.contacts.settle(last.contact_id, 1, Settlement(status=ContactStatus.COMPLETED), SOON)
        await _look(stores, batch)

    async def append() -> bool:
        await asyncio.sleep(pauses.random() * LONGEST_PAUSE)
        try:
            await stores.batches.append(ORGANIZATION, batch.batch_id, [a_new_contact(7)], SOON)
        except IllegalTransition:
            return False
        return True

    was_taken, _ = await asyncio.gather(append(), end())
    return await _came_of(stores, batch, was_taken=was_taken)


async def _look(stores: Stores, batch: Batch) -> int:
    """Look as the batch's workflow does, and finish where nobody is left; returns who was granted a slot."""
    stands = await stores.grant(batch.batch_id, SOON)
    if stands.is_done:
        await stores.batches.finish(batch.batch_id, SOON)
    return len(stands.granted)


async def _came_of(stores: Stores, batch: Batch, *, was_taken: bool) -> str:
    granted = await _look(stores, batch)
    stands = await stores.batch(batch)
    people = await stores.people_of(batch)
    assert stands.counters.total == stands.total_contacts == len(people)
    if not was_taken:
        assert (stands.status, len(people)) == (BatchStatus.COMPLETED, 1)
        return REFUSED
    assert stands.status is BatchStatus.IN_PROGRESS, "somebody was taken into a batch that is over"
    assert len(people) == 2
    has_slot = granted + stands.counters.dispatched
    assert has_slot, "somebody was taken and is not called"
    return CALLED


async def _play_all(url: str, tries: int, first_seed: int) -> Counter[str]:
    engine = create_store_engine(url)
    stores = Stores.on(engine)
    try:
        return Counter([await play(stores, seed) for seed in range(first_seed, first_seed + tries)])
    finally:
        await engine.dispose()


def main() -> None:
    """Play many, and tell how often each came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.store.append_race", description=__doc__)
    parser.add_argument("--tries", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        server = EmbeddedPostgres(Path(folder) / "data", durable=False)
        server.start()
        try:
            server.create_database("race")
            upgrade(server.url("race"))
            print(dict(asyncio.run(_play_all(server.url("race"), given.tries, given.seed))))  # noqa: T201
        finally:
            server.stop()


if __name__ == "__main__":
    main()
