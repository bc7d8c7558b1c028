"""An embedded Postgres that dies is noticed, told once with its log, and makes the stack's end a failure."""

import os
import signal
import time
from pathlib import Path

import pytest

from embedded.data_folder import held
from embedded.database import OwnDatabase, own_postgres
from embedded.errors import DatabaseDied
from embedded.stop_request import StopRequest
from tests.embedded.test_postgres_guard import postmaster_of
from tests.embedded.test_stack_watch import SLEEPS, a_stack_of, wish_to_stop_after


def a_database(*, alive: bool) -> OwnDatabase:
    return OwnDatabase("postgresql://db", lambda: alive, Path("/data/postgres/log"))


def test_fallen_postgres_is_told_once_and_the_others_keep_running(tmp_path: Path) -> None:
    said: list[str] = []
    with a_stack_of(tmp_path, said, api=SLEEPS) as (stack, stop):
        stack.database = a_database(alive=False)
        timer = wish_to_stop_after(1, stop)
        all_lived = stack.watch()
        timer.join()
        others_run = stack.children[0].exit_code is None

    assert (all_lived, others_run) == (False, True)
    assert said == [
        "postgres is down: it ended by itself; see /data/postgres/log",
        "Nothing is lost, and nothing goes on without it: stop with Ctrl-C, then start again.",
    ]


def test_living_postgres_is_not_spoken_of(tmp_path: Path) -> None:
    said: list[str] = []
    with a_stack_of(tmp_path, said, api=SLEEPS) as (stack, stop):
        stack.database = a_database(alive=True)
        timer = wish_to_stop_after(0.4, stop)
        all_lived = stack.watch()
        timer.join()

    assert (all_lived, said) == (True, [])


def test_pause_beside_a_fallen_postgres_ends_at_once(tmp_path: Path) -> None:
    with a_stack_of(tmp_path, [], api=SLEEPS) as (stack, _):
        stack.database = a_database(alive=False)
        with pytest.raises(DatabaseDied, match="Postgres ended by itself; see /data/postgres/log"):
            stack.pause(0.01)


@pytest.mark.store
def test_killed_postgres_is_seen_to_be_dead_and_leaves_a_folder_that_starts_again(tmp_path: Path) -> None:
    with StopRequest(), held(tmp_path):
        with own_postgres(tmp_path) as database:
            postmaster = postmaster_of(tmp_path)
            assert postmaster is not None
            assert database.is_alive()
            os.kill(postmaster, signal.SIGKILL)
            end = time.monotonic() + 5
            while database.is_alive():
                assert time.monotonic() < end
                time.sleep(0.01)
        with own_postgres(tmp_path) as again:
            assert again.is_alive()
        assert not again.is_alive()
