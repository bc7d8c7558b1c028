"""When a number that was called often may be called again."""

from datetime import datetime, timedelta

import pytest

from domain.frequency import Capped, CapsAt, Counted, CountedCall, FrequencyCap, capped_by
from tests.builders import MONDAY_NOON

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TWICE_A_DAY = FrequencyCap(2, DAY)
THRICE_A_WEEK = FrequencyCap(3, 7 * DAY)


def _ago(*lengths: timedelta) -> list[datetime]:
    return [MONDAY_NOON - length for length in lengths]


@pytest.mark.parametrize(
    ("caps", "asked_at", "until"),
    [
        pytest.param([], _ago(HOUR), None, id="no cap"),
        pytest.param([TWICE_A_DAY], [], None, id="never called"),
        pytest.param([TWICE_A_DAY], _ago(HOUR), None, id="one call left"),
        # called 1 h and 3 h ago: the older one leaves its 24 h in 21 h
        pytest.param([TWICE_A_DAY], _ago(HOUR, 3 * HOUR), MONDAY_NOON + 21 * HOUR, id="full"),
        pytest.param([TWICE_A_DAY], _ago(HOUR, DAY), None, id="the older one left the window just now"),
        pytest.param(
            [TWICE_A_DAY],
            _ago(HOUR, DAY - timedelta.resolution),
            MONDAY_NOON + timedelta.resolution,
            id="the older one leaves the window in a microsecond",
        ),
        # a cap that was lowered: two of three must leave, the second does after 24 h - 2 h
        pytest.param(
            [TWICE_A_DAY], _ago(HOUR, 2 * HOUR, 3 * HOUR), MONDAY_NOON + 22 * HOUR, id="more than full"
        ),
        # 2 per day lets go after 23 h, 3 per week after 7 d - 2 d = 5 d
        pytest.param(
            [TWICE_A_DAY, THRICE_A_WEEK],
            _ago(HOUR, HOUR, 2 * DAY),
            MONDAY_NOON + 5 * DAY,
            id="the cap that lets go last counts",
        ),
        pytest.param([THRICE_A_WEEK, TWICE_A_DAY], _ago(2 * DAY, 3 * DAY), None, id="neither is full"),
    ],
)
def test_number_may_be_called_again_when_enough_attempts_have_left_every_window(
    caps: list[FrequencyCap], asked_at: list[datetime], until: datetime | None
) -> None:
    past = [CountedCall(each) for each in asked_at]
    held = capped_by(CapsAt(tuple(caps), MONDAY_NOON), past)
    assert held == (None if until is None else Capped(until))


TALKED_A_WEEK_AGO_AT_MOST = FrequencyCap(1, 7 * DAY, Counted.CONVERSATIONS, preset="us-reg-f")


@pytest.mark.parametrize(
    ("past", "held"),
    [
        pytest.param([CountedCall(MONDAY_NOON - HOUR)], None, id="attempts alone fill no cap of talks"),
        # the talk two days ago counts until seven days after it, whatever was tried since
        pytest.param(
            [CountedCall(MONDAY_NOON - HOUR), CountedCall(MONDAY_NOON - 2 * DAY, is_conversation=True)],
            Capped(MONDAY_NOON + 5 * DAY, ("us-reg-f",)),
            id="a talk counts",
        ),
        pytest.param(
            [CountedCall(MONDAY_NOON - 7 * DAY, is_conversation=True)], None, id="a talk seven days ago"
        ),
    ],
)
def test_caps_on_conversations_count_talks_and_tell_whose_rule_they_are(
    past: list[CountedCall], held: Capped | None
) -> None:
    assert capped_by(CapsAt((TALKED_A_WEEK_AGO_AT_MOST, TWICE_A_DAY), MONDAY_NOON), past) == held
