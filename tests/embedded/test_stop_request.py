"""A wish to stop ends every wait, and a second one interrupts nothing."""

import os
import signal
import time

import pytest

from embedded.stop_request import StopRequest, StopRequested


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda each: each.name)
def test_stop_signal_ends_a_pause_at_once(number: signal.Signals) -> None:
    began = time.monotonic()
    with StopRequest() as stop:
        os.kill(os.getpid(), number)
        with pytest.raises(StopRequested):
            stop.pause(30)

    assert time.monotonic() - began < 1


def test_second_signal_does_not_interrupt_the_clean_up() -> None:
    cleaned = []
    with StopRequest() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(StopRequested):
            stop.check()
        for part in ("api", "worker"):
            os.kill(os.getpid(), signal.SIGINT)
            cleaned.append(part)

    assert cleaned == ["api", "worker"]


def test_pause_without_a_wish_returns_after_its_time() -> None:
    with StopRequest() as stop:
        stop.pause(0.01)
        stop.check()

        assert not stop.is_raised


def test_former_handlers_are_back_afterwards() -> None:
    before = signal.getsignal(signal.SIGINT)
    with StopRequest():
        assert signal.getsignal(signal.SIGINT) != before

    assert signal.getsignal(signal.SIGINT) == before
