"""`apollo tokens …` on a database: made with a scope and an end, listed, revoked."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, text
from typer.testing import CliRunner, Result

from cli import app
from settings import inherited_environment

pytestmark = pytest.mark.store

_LOGGED = text("SELECT token_id, actor, action, object_id FROM audit_log ORDER BY entry_number")


@pytest.fixture(autouse=True)
def only_the_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    """No other variable of ours, and no `.env` file."""
    monkeypatch.chdir(tmp_path)
    for name in inherited_environment():
        if name.startswith("APOLLO_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("APOLLO_DATABASE_URL", database_url)


def tokens(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["tokens", *arguments])


def create(*options: str) -> str:
    """Create a token; returns its id."""
    result = tokens("create", "--organization", "org_demo", "--name", "night shift", *options)
    assert result.exit_code == 0, result.output
    assert re.fullmatch(r"gat_\S{43}\n", result.stdout)
    found = re.search(r"Token (tok_\w+) created", result.stderr)
    assert found is not None
    return found[1]


def listed() -> list[list[str]]:
    result = tokens("list")
    assert result.exit_code == 0, result.output
    return [line.split("\t") for line in result.stdout.splitlines()]


def test_token_opens_everything_for_ever_unless_told_otherwise() -> None:
    token_id = create()

    ((shown, name, organization, _, used, revoked, scope, expires),) = listed()

    assert (shown, name, organization) == (token_id, "night shift", "org_demo")
    assert (used, revoked, scope, expires) == ("", "", "full", "")


def test_scope_and_end_are_listed() -> None:
    create("--scope", "agent", "--expires-in", "90d")

    ((*_, scope, expires),) = listed()

    ends_at = datetime.strptime(expires, "%Y-%m-%d %H:%M:%SZ").replace(tzinfo=UTC)
    assert scope == "agent"
    assert abs(ends_at - datetime.now(UTC) - timedelta(days=90)) < timedelta(minutes=5)


def test_commands_are_told_in_the_audit_log_as_such(database_url: str) -> None:
    token_id = create("--scope", "read")
    tokens("revoke", token_id)
    tokens("revoke", token_id)

    with create_engine(database_url, poolclass=NullPool).connect() as connection:
        logged = connection.execute(_LOGGED).all()

    assert logged == [
        (None, "cli", "token.create", token_id),
        (None, "cli", "token.revoke", token_id),
    ]


def test_revoked_token_stays_in_the_list() -> None:
    token_id = create()

    result = tokens("revoke", token_id)

    ((*_, revoked, _, _),) = listed()
    assert (result.exit_code, revoked != "") == (0, True)


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        pytest.param(("--expires-in", "soon"), "such as 90d", id="no lifetime"),
        pytest.param(("--scope", "admin"), "'full', 'read', 'agent'", id="unknown scope"),
    ],
)
def test_bad_option_makes_no_token(options: tuple[str, ...], refusal: str) -> None:
    result = tokens("create", "--organization", "org_demo", "--name", "x", *options)

    assert result.exit_code == 2
    assert refusal in " ".join(re.sub(r"[│╭╮╰╯─]", " ", result.output).split())
    assert listed() == []
