"""After the dust: ledger, rows, counters, export, outbox and Temporal are held against each other."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psutil
import psycopg

from console.api_client import JsonObject
from console.ledger_check import FINAL_CONTACT_STATUSES
from tests.storms.crowd import BATCH_LIMIT, CAMPAIGN_LIMIT, Crowd
from tests.storms.stack import StormHouse

Ring = Mapping[str, Any]

_WATCH = """
CREATE TABLE watched_claims (execution_id text, batch_id text, campaign_id text, at timestamptz);
CREATE FUNCTION watch_claim() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO watched_claims VALUES (NEW.execution_id, NEW.batch_id, NEW.campaign_id, clock_timestamp());
    RETURN NULL;
END $$;
CREATE TRIGGER watch_claim AFTER INSERT OR UPDATE OF dial_state ON calls
    FOR EACH ROW WHEN (NEW.dial_state = 'dialling') EXECUTE FUNCTION watch_claim();
"""
_LEFT_OPEN = """
SELECT 'slots', count(*) FROM slots
UNION ALL SELECT 'open calls', count(*) FROM calls
    WHERE dial_state <> 'ready' AND call_status IN ('queued', 'ringing', 'in_progress')
UNION ALL SELECT 'unpublished events', count(*) FROM webhook_events WHERE published_at IS NULL
UNION ALL SELECT 'undelivered events', count(*) FROM webhook_deliveries WHERE state <> 'delivered'
UNION ALL SELECT 'unfinished keys', count(*) FROM idempotency_keys WHERE finished_at IS NULL
UNION ALL SELECT 'idle transactions', count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'
"""
_CLOCKS_MAY_DIFFER = timedelta(seconds=3)
"""A process that began on a slow line knows the database's time so well."""
_A_DEATH_TAKES = timedelta(seconds=3)
_MOST_MEGABYTES, _MOST_FILES, _MOST_CONNECTIONS = 400, 250, 60


@dataclass
class Deaths:
    """What simulators that were killed knew: a ledger dies with its process."""

    at: list[datetime] = field(default_factory=list)
    rings: dict[str, Ring] = field(default_factory=dict)
    """By the call's id."""

    def about_to_die(self, world: StormHouse) -> None:
        """Keep what it knows; what happens between this and its death nobody will know."""
        try:
            rings = world.rings()
        except httpx.HTTPError:
            rings = []
        self.at.append(datetime.now(UTC))
        self.keep(rings, ended_at=self.at[-1])

    def keep(self, rings: Iterable[Ring], *, ended_at: datetime | None = None) -> None:
        """Remember rings; a call ends at the latest with its simulator."""
        for each in rings:
            end = each["ended_at"] or (ended_at and ended_at.isoformat())
            self.rings[each["call_sid"]] = {**each, "ended_at": end}

    def explain(self, at: datetime | None) -> bool:
        """Tell whether the ring of a call of that instant may have died with its ledger."""
        return at is not None and any(abs(at - each) < _A_DEATH_TAKES for each in self.at)


def watch(world: StormHouse) -> None:
    """Have the database write down when the right to ask for a call is taken."""
    with _connected(world) as database:
        database.execute(_WATCH)


def _connected(world: StormHouse) -> "psycopg.Connection[tuple[Any, ...]]":
    return psycopg.connect(world.stack.database_url.replace("+psycopg", ""), autocommit=True)


@dataclass
class Reckoning:
    """What is found of one storm."""

    world: StormHouse
    crowd: Crowd
    deaths: Deaths
    told: Mapping[str, str]
    """The events that the clients' server was posted, by id, with their types."""

    def __post_init__(self) -> None:
        self.contacts = {each: self.world.contacts(each) for each in self.crowd.batches}
        self.deaths.keep(self.world.rings())
        ours = {str(call["execution_id"]) for call in self.calls}
        self.rings = [each for each in self.deaths.rings.values() if each["execution_id"] in ours]

    @property
    def calls(self) -> Sequence[JsonObject]:
        """Every call record."""
        return [call for people in self.contacts.values() for each in people for call in _records(each)]

    def faults(self) -> list[str]:
        """Return everything that is not as promised."""
        return [
            *self.crowd.complaints,
            *self._rings(),
            *self._limits(),
            *self._promises(),
            *self._batches(),
            *self._held(),
            *self._left_open(),
            *self._events(),
            *self._running(),
            *self._bounds(),
        ]

    def _rings(self) -> Iterable[str]:
        rung = Counter(each["execution_id"] for each in self.rings)
        yield from (f"{each} rang {times} times" for each, times in rung.items() if times > 1)
        for call in self.calls:
            placed = call["provider_call_id"] is not None and call["execution_id"] not in rung
            if placed and not self.deaths.explain(_instant(call["started_at"])):
                yield f"{call['execution_id']} is {call['call_status']}, and no phone rang"
        numbers = {each for asked in self.crowd.promised for each in asked.numbers}
        known = {call["execution_id"] for call in self.calls}
        for each in self.deaths.rings.values():
            if each["to"] in numbers and each["execution_id"] not in known:
                yield f"a phone rang for {each['execution_id']}, which is no attempt"

    def _limits(self) -> Iterable[str]:
        batch_of = {str(call["execution_id"]): batch for batch, people in self.contacts.items()
                    for each in people for call in _records(each)}  # fmt: skip
        for batch_id in self.contacts:
            most = most_at_once(each for each in self.rings if batch_of[each["execution_id"]] == batch_id)
            if most > BATCH_LIMIT:
                yield f"{batch_id} had {most} calls at once, {BATCH_LIMIT} allowed"
        capped = self._batches_of(self.crowd.campaigns[0])
        most = most_at_once(each for each in self.rings if batch_of[each["execution_id"]] in capped)
        if most > CAMPAIGN_LIMIT:
            yield f"the campaign had {most} calls at once, {CAMPAIGN_LIMIT} allowed"

    def _batches_of(self, campaign_id: str) -> set[str]:
        return {str(each["batch_id"]) for each in self.world.api.batches(campaign_id=campaign_id)}

    def _promises(self) -> Iterable[str]:
        """What was answered as made is there, once; what was refused is not."""
        there = Counter(str(each["phone_number"]) for people in self.contacts.values() for each in people)
        requeued = Counter(number for number, times in there.items() for _ in range(times - 1))
        for asked in self.crowd.promised:
            missing = [each for each in asked.numbers if not there[each]]
            stray = [each for each in asked.numbers if there[each]]
            if asked.is_made and missing:
                yield f"{asked.path} was answered 201, and {len(missing)} contacts are missing"
            if not asked.is_made and stray:
                yield f"{asked.path} was refused, and {len(stray)} contacts are there"
        made = sum(asked.is_made and asked.path.endswith("requeue") for asked in self.crowd.promised)
        if requeued and not made:
            yield f"{len(requeued)} numbers are there twice, and nobody asked for that"

    def _batches(self) -> Iterable[str]:
        for batch_id, people in self.contacts.items():
            batch = self.world.api.batch(batch_id)
            listed = Counter(str(each["status"]) for each in people)
            counters = {name: number for name, number in _mapping(batch["counters"]).items() if number}
            if counters != listed or sum(listed.values()) != batch["total_contacts"]:
                yield f"{batch_id} counts {counters} of {batch['total_contacts']}, and lists {dict(listed)}"
            if listed.keys() - FINAL_CONTACT_STATUSES:
                yield f"{batch_id} is {batch['status']} with {dict(listed)}"
            if batch_id in self.crowd.cancelled and batch["status"] != "cancelled":
                yield f"{batch_id} was answered as cancelled, and is {batch['status']}"
            yield from self._export(batch_id, people)

    def _export(self, batch_id: str, people: Sequence[JsonObject]) -> Iterable[str]:
        listed = [(each["contact_id"], each["status"]) for each in people]
        rows = [(each["contact_id"], each["status"]) for each in self._csv(batch_id, "contacts")]
        if rows != listed:
            yield f"{batch_id}: the export of contacts differs"
        calls = [
            (str(call["execution_id"]), call["call_status"]) for each in people for call in _records(each)
        ]
        if [(each["execution_id"], each["call_status"]) for each in self._csv(batch_id, "calls")] != calls:
            yield f"{batch_id}: the export of calls differs"

    def _csv(self, batch_id: str, rows: str) -> Sequence[Mapping[str, str]]:
        answer = self.world.ask("GET", f"/batches/{batch_id}/export.csv?rows={rows}").raise_for_status()
        return list(csv.DictReader(io.StringIO(answer.text)))

    def _held(self) -> Iterable[str]:
        """Nobody is called between the answer to a pause, or a closing, and the next request."""
        query = "SELECT execution_id, batch_id, campaign_id, at FROM watched_claims"
        with _connected(self.world) as database:
            claims = database.execute(query).fetchall()
        for execution_id, batch_id, campaign_id, at in claims:
            for held in self.crowd.held:
                if held.object_id in (batch_id, campaign_id) and held.since < at < held.until:
                    yield f"{execution_id} was asked for {at - held.since} after the {held.what} was held"
            if campaign_id == self.crowd.campaigns[1]:
                yield from (f"{execution_id} was asked for {late}" for late in self._out_of_hours(at))

    def _out_of_hours(self, at: datetime) -> Iterable[str]:
        for since, until in self.crowd.closed_minutes:
            if since + _CLOCKS_MAY_DIFFER < at < until - _CLOCKS_MAY_DIFFER:
                yield f"{at - since} after its window had closed"

    def _left_open(self) -> Iterable[str]:
        with _connected(self.world) as database:
            left = database.execute(_LEFT_OPEN).fetchall()
        yield from (f"{number} {what} are left" for what, number in left if number)

    def _events(self) -> Iterable[str]:
        """Every event that the database wrote reached the clients' server, and each call ended in one."""
        with _connected(self.world) as database:
            events = database.execute("SELECT event_id, type, execution_id FROM webhook_events").fetchall()
        lost = [kind for event_id, kind, _ in events if event_id not in self.told]
        if lost:
            yield f"events never came: {dict(Counter(lost))}"
        if "forged" in self.told.values():
            yield "an event came that is not signed by the endpoint's secret"
        ended = {execution_id for _, kind, execution_id in events if kind == "call.ended"}
        for call in self.calls:
            if call["provider_call_id"] is not None and call["execution_id"] not in ended:
                yield f"nobody was told that {call['execution_id']} ended"

    def _running(self) -> Iterable[str]:
        running = self.world.running_workflows("WorkflowId != 'housekeeping'")
        if running:
            yield f"{running} workflows run on"

    def megabytes(self) -> Mapping[str, int]:
        """Return what worker and API hold in memory."""
        pids = {each: self.world.stack.process_of(each).pid for each in ("worker", "api")}
        return {each: int(psutil.Process(pid).memory_info().rss) // 2**20 for each, pid in pids.items()}

    def _bounds(self) -> Iterable[str]:
        for name, megabytes in self.megabytes().items():
            files = psutil.Process(self.world.stack.process_of(name).pid).num_fds()
            if megabytes > _MOST_MEGABYTES or files > _MOST_FILES:
                yield f"{name} holds {megabytes} MB and {files} files"
        connections = sum(each.connections for each in self.world.lines.links.values())
        if connections > _MOST_CONNECTIONS:
            yield f"{connections} connections between the parts"


def most_at_once(rings: Iterable[Ring]) -> int:
    """Return how many calls lived at once, one that ends in the instant another begins not counted."""
    moments = []
    for each in rings:
        ended_at = each["ended_at"]
        moments += [(each["at"], 1)] + ([(ended_at, -1)] if ended_at else [])
    live = most = 0
    for _, step in sorted(moments):
        live += step
        most = max(most, live)
    return most


def _records(contact: JsonObject) -> Sequence[JsonObject]:
    records = contact["call_records"]
    assert isinstance(records, list)
    return records


def _mapping(value: object) -> Mapping[str, int]:
    assert isinstance(value, dict)
    return value


def _instant(told: object) -> datetime | None:
    return datetime.fromisoformat(told) if isinstance(told, str) else None
