"""`apollo purge` takes what is too old now, or says what that would be."""

from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner, Result

from cli import app
from settings import inherited_environment

pytestmark = pytest.mark.store

_AN_OLD_BATCH = """
    INSERT INTO organizations VALUES ('org_demo', now());
    INSERT INTO campaigns (campaign_id, organization_id, status, name, agent_id, phone_numbers,
        phone_number_strategy, working_hours_enforced, timezone, working_hours, blackout_dates, retry_policy,
        max_follow_ups, default_call_variables, client_metadata, created_at, updated_at)
    VALUES ('cmp_1', 'org_demo', 'completed', 'n', 'a', '{}', 'round_robin', false, 'UTC', '[]', '{}', '{}',
        0, '{}', '{}', now(), now());
    INSERT INTO batches (batch_id, campaign_id, organization_id, status, total_contacts, call_context,
        client_metadata, created_at, updated_at, ended_at)
    VALUES ('btc_1', 'cmp_1', 'org_demo', 'completed', 1, '{}', '{}', now(), now(),
        now() - interval '8 days');
    INSERT INTO contacts (contact_id, batch_id, campaign_id, position, phone_number, call_variables, status,
        created_at, updated_at)
    VALUES ('con_1', 'btc_1', 'cmp_1', 1, '+14155550123', '{}', 'completed', now(), now());
"""


@pytest.fixture(autouse=True)
def bare_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of ours, no `.env` file, and a fresh data folder."""
    monkeypatch.chdir(tmp_path)
    for name in inherited_environment():
        if name.startswith("APOLLO_"):
            monkeypatch.delenv(name)


def purge(database_url: str, *words: str, days: str | None = "7") -> Result:
    environment = {"APOLLO_DATABASE_URL": database_url, "APOLLO_RETENTION_DAYS": days}
    return CliRunner().invoke(app, ["purge", *words], env=environment)


def numbers(database_url: str) -> list[str]:
    with psycopg.connect(database_url.replace("+psycopg", "")) as connection:
        return [row[0] for row in connection.execute("SELECT phone_number FROM contacts")]


def test_dry_run_says_what_would_be_taken_and_the_command_takes_it(database_url: str) -> None:
    with psycopg.connect(database_url.replace("+psycopg", "")) as connection:
        connection.execute(_AN_OLD_BATCH)

    dry = purge(database_url, "--dry-run")
    kept = numbers(database_url)
    taken = purge(database_url)
    after = numbers(database_url)
    again = purge(database_url, "--dry-run")

    told = [" ".join(line.split()) for line in dry.stdout.splitlines()]
    assert (dry.exit_code, dry.stderr) == (0, "Nothing was changed.\n")
    assert {"batches to be emptied 1", "contacts in them 1", "entries of the audit log 0"} <= set(told)
    assert (taken.exit_code, taken.stderr) == (0, "Emptied or forgotten.\n")
    assert (kept, after) == (["+14155550123"], [""])
    assert "contacts in them 0" in [" ".join(line.split()) for line in again.stdout.splitlines()]


def test_purge_without_a_retention_takes_nothing_and_says_what_to_set(database_url: str) -> None:
    result = purge(database_url, days=None)

    told = "apollo: Everything is kept for ever: set APOLLO_RETENTION_DAYS or APOLLO_AUDIT_RETENTION_DAYS\n"
    assert (result.exit_code, result.stderr) == (1, told)
