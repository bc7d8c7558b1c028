"""The relay's rhythm, and what it says of how far it is behind."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from api.webhooks.direct_delivery import DirectDelivery
from api.webhooks.relay_loop import Rhythm, keep_relaying
from domain.call import CallStatus, StatusEvent
from observability.metrics import Telemetry
from tests.api.house import House


@dataclass
class Night:
    """Turns the loop: every pause passes at once, and something may happen in it."""

    house: House
    telemetry: Telemetry
    pauses: list[float]
    logs: list[Any]

    async def turn(self, changes: Sequence[dict[str, bool]], chance: float = 1.0) -> None:
        """Let each change of what is down happen in a pause of its own, then end the loop with the round."""
        waiting = list(changes)
        over = asyncio.Event()

        async def sleep(seconds: float) -> None:
            self.pauses.append(seconds)
            if not waiting:
                over.set()
                await asyncio.Event().wait()
            self._happens(waiting.pop(0))
            self.house.clock.pass_time(timedelta(seconds=seconds))

        rhythm = Rhythm(sleep=sleep, chance=lambda: chance)
        with capture_logs() as logs:
            loop = asyncio.create_task(
                keep_relaying(self.house.parts, self.telemetry, DirectDelivery(), rhythm)
            )
            async with asyncio.timeout(5):
                await over.wait()
            loop.cancel()
            with suppress(asyncio.CancelledError):
                await loop
        self.logs += logs

    def _happens(self, change: dict[str, bool]) -> None:
        self.house.engine.is_down = change.get("temporal", False)
        self.house.tables.is_down = change.get("database", False)

    def inbox(self) -> dict[str, float]:
        """Return what is told of the backlog."""
        lines = [each.split(" ") for each in self.telemetry.exposition().decode().splitlines()]
        return {each[0]: float(each[1]) for each in lines if each[0].startswith("apollo_webhook_inbox_")}


@pytest.fixture
def night(house: House) -> Night:
    return Night(house, Telemetry(), [], [])


WELL: dict[str, bool] = {}
TEMPORAL_DOWN = {"temporal": True}
DATABASE_DOWN = {"database": True}


async def _ended(house: House) -> None:
    campaign = await house.create_campaign()
    call = await house.dial_first(await house.create_batch(campaign["campaign_id"]))
    event = StatusEvent(status=CallStatus.BUSY, happened_at=house.clock())
    await house.calls.record_event(call.execution_id, event, event_key="1", body={})


@pytest.mark.parametrize("down", [TEMPORAL_DOWN, DATABASE_DOWN])
async def test_pause_doubles_up_to_a_cap_while_something_is_down_and_is_usual_again_after_it(
    night: Night, down: dict[str, bool]
) -> None:
    await _ended(night.house)
    night.house.clock.pass_time(timedelta(seconds=10))

    await night.turn([*[down] * 7, WELL])

    assert night.pauses == [2, 1, 2, 4, 8, 16, 30, 30, 2]
    assert len(night.house.engine.delivered) == 1


async def test_pause_is_shortened_by_chance_to_no_less_than_half(night: Night) -> None:
    await night.turn([DATABASE_DOWN] * 3, chance=0.0)

    assert night.pauses == [2, 0.5, 1, 2]


async def test_outage_of_temporal_means_nothing_while_nothing_waits(night: Night) -> None:
    await night.turn([TEMPORAL_DOWN] * 3)

    assert (night.pauses, night.logs) == ([2] * 4, [])


async def test_falling_behind_and_catching_up_are_one_line_each(night: Night) -> None:
    await _ended(night.house)
    night.house.clock.pass_time(timedelta(seconds=10))

    await night.turn([*[TEMPORAL_DOWN] * 9, WELL, WELL])

    assert night.logs == [
        {"event": "relaying webhooks failed", "log_level": "warning", "failure": "EngineUnavailable"},
        {"event": "webhooks are behind", "log_level": "warning", "events": 1, "oldest_seconds": 43},
        {"event": "webhooks have caught up", "log_level": "info", "events": 0},
    ]


async def test_depth_and_age_of_the_backlog_are_measured_every_round(night: Night) -> None:
    await _ended(night.house)
    await night.turn([TEMPORAL_DOWN, TEMPORAL_DOWN, TEMPORAL_DOWN])
    behind = night.inbox()
    await night.turn([WELL])

    assert behind == {"apollo_webhook_inbox_depth": 1.0, "apollo_webhook_inbox_age_seconds": 6.0}
    assert night.inbox() == {"apollo_webhook_inbox_depth": 0.0, "apollo_webhook_inbox_age_seconds": 0.0}


async def test_round_after_a_full_one_follows_without_a_pause(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.webhooks.relay.PAGE", 1)
    monkeypatch.setattr("api.webhooks.relay.PAGES_PER_ROUND", 1)
    for _ in range(2):
        await _ended(night.house)
    night.house.clock.pass_time(timedelta(seconds=10))

    await night.turn([WELL] * 4)

    assert night.pauses == [2, 0, 0, 2, 2]
