"""Campaigns and batches in every state of their life cycles, on a stack whose calls are long."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count

from tests.e2e.world import World, a_contacts_file

_turns = count(1)
NO_RETRY: Mapping[str, object] = {"max_retries": 0}


def a_campaign(world: World, **rules: object) -> str:
    """Create a campaign that redials nobody and return its id."""
    campaign = {
        "name": "life cycles",
        "agent_id": "agent_test",
        "phone_numbers": ["+14155550180"],
        "retry_policy": NO_RETRY,
    }
    return str(world.api.create_campaign({**campaign, **rules})["campaign_id"])


def fresh_numbers(*endings: str) -> tuple[str, ...]:
    """Return numbers nobody was given before: a phone is on one call at a time, whichever batch calls it."""
    turn = next(_turns)
    return tuple(f"+162855{turn:03}{ending}" for ending in endings)


def answering_numbers() -> tuple[str, ...]:
    """Return the fresh numbers of two people who answer."""
    return fresh_numbers("55", "56")


def busy_number() -> str:
    """Return a fresh number that is always busy."""
    [number] = fresh_numbers("01")
    return number


def a_batch(world: World, campaign_id: str, numbers: Sequence[str] = (), **upload: object) -> str:
    """Upload a batch, without numbers one of two fresh people who answer, and return its id."""
    file = a_contacts_file(numbers or answering_numbers())
    return str(world.api.create_batch({"campaign_id": campaign_id, **upload}, file)["batch_id"])


def ahead(**length: float) -> str:
    """Return an instant from now on, as it is sent."""
    return (datetime.now(UTC) + timedelta(**length)).isoformat()


class BatchScenes:
    """Makes batches that stand in a given state; those that are over are shared, for nothing moves them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._over: dict[str, str] = {}
        self._recipes: Mapping[str, Callable[[], str]] = {
            "pending": self._pending,
            "in_progress": self._in_progress,
            "paused": self._paused,
            "paused before its start": self._paused_before_its_start,
            "paused by campaign": self._paused_by_campaign,
        }
        self._endings: Mapping[str, Callable[[], str]] = {
            "completed": self._completed,
            "cancelled": self._cancelled,
            "expired": self._expired,
        }

    def batch(self, state: str) -> str:
        """Return the id of a batch in a state. One that is over has no running workflow any more."""
        if state not in self._endings:
            return self._recipes[state]()
        if state not in self._over:
            batch_id = self._over[state] = self._endings[state]()
            self._world.wait_for(lambda: self._world.api.batch(batch_id)["status"] == state)
            self._world.wait_for(lambda: self._world.is_closed(f"batch/{batch_id}"))
        return self._over[state]

    def _pending(self) -> str:
        return a_batch(self._world, a_campaign(self._world), scheduled_start=ahead(hours=1))

    def _in_progress(self) -> str:
        batch_id = a_batch(self._world, a_campaign(self._world), concurrency_limit=1)
        self._world.wait_for(lambda: self._world.counters(batch_id)[0]["in_flight"] == 1)
        return batch_id

    def _paused(self) -> str:
        batch_id = self._in_progress()
        self._world.api.act("batches", batch_id, "pause")
        return batch_id

    def _paused_before_its_start(self) -> str:
        batch_id = self._pending()
        self._world.api.act("batches", batch_id, "pause")
        return batch_id

    def _paused_by_campaign(self) -> str:
        batch_id = self._in_progress()
        campaign_id = str(self._world.api.batch(batch_id)["campaign_id"])
        self._world.api.act("campaigns", campaign_id, "pause")
        return batch_id

    def _completed(self) -> str:
        return a_batch(self._world, a_campaign(self._world), [busy_number()])

    def _cancelled(self) -> str:
        batch_id = self._pending()
        self._world.api.act("batches", batch_id, "cancel")
        return batch_id

    def _expired(self) -> str:
        campaign_id = a_campaign(self._world)
        a_batch(self._world, campaign_id, scheduled_start=ahead(hours=1))
        self._world.api.act("campaigns", campaign_id, "pause")
        return a_batch(self._world, campaign_id, scheduled_end=ahead(seconds=1))
