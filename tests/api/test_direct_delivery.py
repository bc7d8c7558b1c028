"""Requests stop trying to tell workflows while none can be told."""

from api.webhooks.direct_delivery import MAX_FAILURES, PROBE_EVERY, DirectDelivery
from tests.fakes.clock import NOON


def _failing(times: int = MAX_FAILURES) -> DirectDelivery:
    direct = DirectDelivery()
    for _ in range(times):
        direct.failed(NOON)
    return direct


def test_a_few_failures_stop_nobody() -> None:
    assert _failing(MAX_FAILURES - 1).is_worth_trying(NOON)


def test_failures_are_counted_only_in_a_row() -> None:
    direct = _failing(MAX_FAILURES - 1)
    direct.succeeded()
    direct.failed(NOON)

    assert direct.is_worth_trying(NOON)


def test_one_request_per_while_probes() -> None:
    direct = _failing()
    whiles = (0, 0.5, 1, 1, 1.5, 2)

    tries = [direct.is_worth_trying(NOON + PROBE_EVERY * passed) for passed in whiles]

    assert tries == [False, False, True, False, False, True]


def test_success_of_a_probe_lets_all_try_again() -> None:
    direct = _failing()
    assert direct.is_worth_trying(NOON + PROBE_EVERY)

    direct.succeeded()

    assert [direct.is_worth_trying(NOON + PROBE_EVERY) for _ in range(3)] == [True] * 3
