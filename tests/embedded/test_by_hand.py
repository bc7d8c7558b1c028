"""The line that starts another worker holds all it needs but secrets, which it takes where it is pasted."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import SecretStr

from embedded.by_hand import Inherited, by_hand
from embedded.plan import StackPlan
from embedded.processes import Command
from embedded.stack_commands import StackCommands
from settings import Settings, variables

pytestmark = pytest.mark.process

PASSWORD_URL = "postgresql://ada:hunter2@db.example/apollo"
TOLD = {"APOLLO_DATA_DIR": "/work place", "APOLLO_TEMPORAL_ADDRESS": "127.0.0.1:7233"}


def a_line(
    environment: Mapping[str, str], *, database: bool = False, temporal: bool = False
) -> tuple[str, tuple[str, ...]]:
    """Return the line that shows the environment instead of a worker, and its secrets."""
    command = Command(name="worker", argv=("env",), environment={}, working_dir=Path("/"))
    inherited = Inherited(environment=environment, database=database, temporal=temporal)
    way = by_hand(command, TOLD, inherited)
    return way.line, way.secrets


def pasted(line: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Paste the line into a terminal that knows nothing else."""
    return subprocess.run(  # noqa: S603 - our own line
        ["/bin/sh", "-c", line],
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        check=False,
        text=True,
    )


def test_settings_of_the_environment_reach_the_worker_that_is_started_by_hand() -> None:
    environment = {
        "APOLLO_WEBHOOK_SILENCE_SECONDS": "4",
        "APOLLO_JAMBONZ_TRUNK": "it's a trunk",
        "apollo_log_level": "DEBUG",
        "HOME": "/nowhere",
        "APOLLO_MAX_CALL_SECONDS": "",
    }
    line, secrets = a_line(environment)

    known = set(pasted(line).stdout.splitlines())

    assert {
        "APOLLO_WEBHOOK_SILENCE_SECONDS=4",
        "APOLLO_JAMBONZ_TRUNK=it's a trunk",
        "apollo_log_level=DEBUG",
        "APOLLO_DATA_DIR=/work place",
    } <= known
    assert secrets == ()
    assert "HOME" not in line
    assert "MAX_CALL" not in line


def test_what_the_stack_decides_wins_over_the_environment() -> None:
    line, _ = a_line({"APOLLO_DATA_DIR": "elsewhere"})

    assert "elsewhere" not in line


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("APOLLO_DATABASE_URL", PASSWORD_URL, id="database"),
        pytest.param("APOLLO_PAYLOAD_KEYS", "hunter2", id="keys"),
        pytest.param("APOLLO_NUMBER_KEY", "hunter2", id="key of numbers"),
        pytest.param("APOLLO_JAMBONZ_API_KEY", "hunter2", id="Jambonz' key"),
        pytest.param("APOLLO_ROTARY_API_KEY", "hunter2", id="Rotary's key"),
        pytest.param("APOLLO_ROTARY_EXTRA_HEADERS", '{"a": "hunter2"}', id="headers"),
        pytest.param("APOLLO_ROTARY_AUTH_VALUE", "Basic hunter2", id="authorization"),
        pytest.param("APOLLO_ROTARY_BASE_URL", "https://ada:hunter2@rotary.example", id="in an address"),
        pytest.param("APOLLO_JAMBONZ_CALL_HOOK", "https://hooks.example/?key=hunter2", id="in a query"),
        pytest.param("TEMPORAL_API_KEY", "hunter2", id="Temporal's key"),
        pytest.param("TEMPORAL_GRPC_META_AUTHORIZATION", "hunter2", id="Temporal's metadata"),
        pytest.param("TEMPORAL_TLS_CLIENT_KEY_DATA", "hunter2", id="Temporal's certificate"),
        pytest.param("PGPASSWORD", "hunter2", id="Postgres' password"),
    ],
)
def test_secret_is_not_shown_and_is_taken_from_the_terminal_the_line_is_pasted_in(
    name: str, value: str
) -> None:
    line, secrets = a_line({name: value}, database=True, temporal=True)

    without, with_it = pasted(line), pasted(line, **{name: value})

    assert ("hunter2" in line, secrets) == (False, (name,))
    assert without.returncode != 0
    assert name in without.stderr
    assert f"{name}={value}" in with_it.stdout.splitlines()


def test_secrets_that_only_the_api_needs_are_asked_of_nobody() -> None:
    line, secrets = a_line({"APOLLO_WEBHOOK_SECRET": "hunter2", "APOLLO_BOOTSTRAP_TOKEN": "gat_hunter2"})

    assert secrets == ()
    assert "hunter2" not in line


def test_variables_of_another_server_stay_away_from_the_embedded_ones() -> None:
    environment = {"TEMPORAL_API_KEY": "hunter2", "TEMPORAL_NAMESPACE": "prod", "PGHOST": "db.example"}

    line, secrets = a_line(environment)

    assert (secrets, "prod" in line, "db.example" in line) == ((), False, False)
    line, secrets = a_line(environment, database=True, temporal=True)
    assert secrets == ("TEMPORAL_API_KEY",)
    assert "TEMPORAL_NAMESPACE=prod" in line
    assert "PGHOST=db.example" in line


def test_every_secret_setting_is_either_hidden_or_left_out() -> None:
    # An address with a password in it is hidden whatever the setting is called; the rest by their types.
    environment = dict.fromkeys(variables(), "hunter2")

    _, secrets = a_line(environment)

    assert secrets == (
        "APOLLO_DATABASE_URL",
        "APOLLO_JAMBONZ_API_KEY",
        "APOLLO_NUMBER_KEY",
        "APOLLO_PAYLOAD_KEYS",
        "APOLLO_ROTARY_API_KEY",
        "APOLLO_ROTARY_AUTH_VALUE",
        "APOLLO_ROTARY_EXTRA_HEADERS",
        "APOLLO_ROTARY_HANG_UP_BODY",
    )


def test_another_worker_is_told_where_the_stack_is_and_with_what_it_was_set() -> None:
    settings = Settings.model_construct(
        data_dir=Path("/data"), api_port=9001, database_url=SecretStr(PASSWORD_URL)
    )
    environment = {"APOLLO_DATABASE_URL": PASSWORD_URL, "APOLLO_RING_TIMEOUT_SECONDS": "20"}
    plan = StackPlan(settings=settings, environment=environment, working_dir=Path("/work place"))

    way = StackCommands(plan, database_url=PASSWORD_URL, temporal_address="127.0.0.1:7233").another_worker()

    assert way.line.startswith("cd '/work place' && env APOLLO_API_HOST=127.0.0.1 APOLLO_API_PORT=9001 ")
    assert way.line.endswith(" -P -m worker")
    assert "APOLLO_TEMPORAL_ADDRESS=127.0.0.1:7233" in way.line
    assert "APOLLO_RING_TIMEOUT_SECONDS=20" in way.line
    assert ("hunter2" in way.line, way.secrets) == (False, ("APOLLO_DATABASE_URL",))
