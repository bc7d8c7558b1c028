"""Final webhooks that are lost, doubled or late, by shares that a seed makes the same in every run."""

from collections import Counter
from typing import Any

import pytest

from telephony.simulator.scenario import WebhookBehaviour, fault_of
from telephony.simulator.settings import SimulatorOptions
from tests.telephony.world import AN_INSTANT, a_simulator, webhooks

ORDINARY_CALL = ["ringing", "in_progress", "completed"]
NUMBERS = [f"+1415555{number:04}" for number in range(10_000)]


def faults(**shares: float) -> list[WebhookBehaviour]:
    settings = SimulatorOptions(**shares)
    return [fault_of(number, settings) for number in NUMBERS]


def test_each_fault_strikes_its_share_and_the_same_numbers_every_time() -> None:
    struck = faults(lost_share=0.05, doubled_share=0.1, late_share=0.2, seed=7)

    assert struck == faults(lost_share=0.05, doubled_share=0.1, late_share=0.2, seed=7)
    shares = {fault: count / len(NUMBERS) for fault, count in Counter(struck).items()}
    # 0.015 is three standard deviations of the largest share over 10,000 numbers.
    assert shares == pytest.approx(
        {
            WebhookBehaviour.FINAL_LOST: 0.05,
            WebhookBehaviour.FINAL_DOUBLED: 0.1,
            WebhookBehaviour.FINAL_LATE: 0.2,
            WebhookBehaviour.ORDINARY: 0.65,
        },
        abs=0.015,
    )


def test_another_seed_strikes_other_numbers() -> None:
    assert faults(lost_share=0.5, seed=1) != faults(lost_share=0.5, seed=2)


def test_without_shares_every_webhook_is_ordinary() -> None:
    assert set(faults()) == {WebhookBehaviour.ORDINARY}


@pytest.mark.parametrize(
    ("share", "statuses", "fault", "counts"),
    [
        pytest.param("lost", ORDINARY_CALL[:2], "final_lost", webhooks(sent=2, lost=1), id="lost"),
        pytest.param(
            "doubled",
            [*ORDINARY_CALL, "completed"],
            "final_doubled",
            webhooks(sent=4, doubled=1),
            id="doubled",
        ),
        pytest.param("late", ORDINARY_CALL, "final_late", webhooks(sent=3, late=1), id="late"),
    ],
)
async def test_final_webhook_of_an_ordinary_call_is_treated_as_its_share_says(
    share: str, statuses: list[str], fault: str, counts: dict[str, int]
) -> None:
    struck: dict[str, Any] = {f"{share}_share": 1.0, "late_seconds": AN_INSTANT}
    async with a_simulator(**struck) as world:
        call_sid = await world.placed("99")
        await world.stands_at(call_sid, "completed")
        await world.mailbox.holds(len(statuses))
        ledger = await world.ledger_at_rest()

        assert world.mailbox.statuses == statuses
        assert [row["webhook_fault"] for row in ledger["rings"]] == [fault]
        assert ledger["webhooks"] == counts


async def test_late_webhook_comes_after_the_end_which_a_look_up_tells_before_it() -> None:
    async with a_simulator(late_share=1.0, late_seconds=60) as world:
        call_sid = await world.placed("99")

        ended = await world.stands_at(call_sid, "completed")

        assert ended["sip_status"] == 200
        await world.mailbox.holds(2)
        assert world.mailbox.statuses == ORDINARY_CALL[:2]


async def test_call_that_a_number_decides_is_spared() -> None:
    async with a_simulator(lost_share=1.0) as world:
        await world.placed("01")
        await world.mailbox.holds(1)
        ledger = await world.ledger_at_rest()

        assert world.mailbox.statuses == ["busy"]
        assert [row["webhook_fault"] for row in ledger["rings"]] == [None]


async def test_later_call_to_a_number_whose_first_is_special_is_ordinary_and_not_spared() -> None:
    async with a_simulator(lost_share=1.0) as world:
        await world.placed("04")
        await world.mailbox.holds(1)
        second = await world.placed("04", execution_id="exec_2")
        await world.stands_at(second, "completed")
        await world.mailbox.holds(3)

        assert world.mailbox.statuses == ["busy", "ringing", "in_progress"]
