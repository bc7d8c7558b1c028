"""Pages of contacts with long transcripts: sent while they are read, and the same as any other page."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import httpx
import pytest

from api.assembly import install
from domain.call import CallRecord
from domain.errors import StoreUnavailable
from domain.identity import ContactId
from tests.api.world import World
from tests.builders import a_call_record
from tests.fakes import FakeContactStore, Tables
from tests.telephony.world import served

KILOBYTE = 1024
PEOPLE = 400


class _WatchedContacts(FakeContactStore):
    """Notes how many contacts each read of calls is for; the read `fails_at` fails."""

    def __init__(self, tables: Tables) -> None:
        super().__init__(tables)
        self.asked: list[int] = []
        self.fails_at: int | None = None

    async def calls_of(self, contact_ids: Sequence[ContactId]) -> Mapping[ContactId, Sequence[CallRecord]]:
        self.asked.append(len(contact_ids))
        if len(self.asked) == self.fails_at:
            raise StoreUnavailable
        return await super().calls_of(contact_ids)


async def _called_people(world: World, transcript: str) -> tuple[str, _WatchedContacts]:
    campaign = await world.create_campaign()
    numbers = [f"+1415555{n:04}" for n in range(PEOPLE)]
    batch = await world.create_batch(campaign["campaign_id"], numbers)
    for contact in world.tables.contacts_of(batch["batch_id"]):
        call = a_call_record(
            execution_id=f"exec_{contact.position}",
            contact_id=contact.contact_id,
            batch_id=contact.batch_id,
            transcript=transcript,
        )
        world.tables.calls[call.execution_id] = call
    watched = _WatchedContacts(world.tables)
    install(world.app, replace(world.parts, contacts=watched))
    return f"/api/v1/batches/{batch['batch_id']}/contacts", watched


@pytest.mark.parametrize("query", ["include_calls=true", "include_calls=false"])
@pytest.mark.parametrize("transcript", ["short", "é" * 30 * KILOBYTE], ids=["short", "long"])
async def test_page_is_read_in_stretches_and_holds_everybody_once(
    world: World, query: str, transcript: str
) -> None:
    path, watched = await _called_people(world, transcript)

    whole = await world.client.get(f"{path}?limit=1000&{query}")
    asked = list(watched.asked)
    parts = [(await world.client.get(f"{path}?limit=30&skip={n}&{query}")).json() for n in range(0, 400, 30)]

    assert whole.json() == [each for part in parts for each in part]
    assert [each["position"] for each in whole.json()] == list(range(1, PEOPLE + 1))
    assert (whole.headers["x-total-count"], whole.headers["content-type"]) == ("400", "application/json")
    assert sum(asked) == PEOPLE
    if len(transcript) > KILOBYTE:
        assert max(asked[1:]) * len(transcript.encode()) < 2 * KILOBYTE**2
    else:
        assert len(asked) < 5
        assert whole.headers["content-length"] == str(len(whole.content))


async def test_page_that_fails_before_much_was_sent_is_503(world: World) -> None:
    path, watched = await _called_people(world, "short")
    watched.fails_at = 2

    answer = await world.client.get(f"{path}?limit=1000&include_calls=true")

    assert answer.status_code == 503


@pytest.mark.process
async def test_page_that_fails_in_its_midst_does_not_pass_for_whole(world: World) -> None:
    path, watched = await _called_people(world, "x" * 60 * KILOBYTE)
    watched.fails_at = 4

    async with (
        served(world.app) as address,
        httpx.AsyncClient(base_url=address, headers=world.client.headers) as client,
        client.stream("GET", f"{path}?limit=1000&include_calls=true") as answer,
    ):
        with pytest.raises(httpx.RemoteProtocolError):
            await answer.aread()

    assert answer.status_code == 200
