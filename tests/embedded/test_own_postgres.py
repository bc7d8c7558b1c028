"""The embedded Postgres does not outlive the process that started it, however that ends."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from embedded.data_folder import held
from embedded.database import operators_database, own_postgres
from embedded.errors import DatabaseNotStarted
from settings import Settings

pytestmark = pytest.mark.store

ROOT = Path(__file__).resolve().parents[2]
STARTS_POSTGRES = """
import sys, time
from pathlib import Path
from embedded.database import own_postgres
with own_postgres(Path(sys.argv[1])):
    print("up", flush=True)
    time.sleep(60)
"""


def postmaster_of(data_dir: Path) -> int | None:
    try:
        return int((data_dir / "postgres" / "pgdata" / "postmaster.pid").read_text().splitlines()[0])
    except FileNotFoundError:
        return None


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def a_settings(data_dir: Path) -> Settings:
    return Settings.model_construct().model_copy(update={"data_dir": data_dir})


def test_postgres_of_a_killed_process_ends_with_everything_written_down(tmp_path: Path) -> None:
    starter = subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, "-c", STARTS_POSTGRES, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert starter.stdout is not None
        assert starter.stdout.readline() == "up\n"
        postmaster = postmaster_of(tmp_path)
        assert postmaster is not None
    finally:
        starter.kill()
        starter.communicate()

    end = time.monotonic() + 20
    while is_alive(postmaster):
        assert time.monotonic() < end
        time.sleep(0.05)
    # It removes this file itself, at the very end of an orderly stop.
    assert postmaster_of(tmp_path) is None


def test_operators_command_starts_the_database_and_stops_it_again(tmp_path: Path) -> None:
    with operators_database(a_settings(tmp_path)) as url:
        assert url.startswith("postgresql+psycopg://")
        assert postmaster_of(tmp_path) is not None

    assert postmaster_of(tmp_path) is None


def test_operators_command_uses_the_database_of_the_stack_that_runs(tmp_path: Path) -> None:
    with held(tmp_path), own_postgres(tmp_path) as of_the_stack:
        with operators_database(a_settings(tmp_path)) as url:
            assert url == of_the_stack
        # Still there: the command must not have stopped what it did not start.
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_operators_command_says_so_when_the_stack_has_no_database_yet(tmp_path: Path) -> None:
    with (
        held(tmp_path),
        pytest.raises(DatabaseNotStarted, match="has not started its database yet"),
        operators_database(a_settings(tmp_path)),
    ):
        pass
