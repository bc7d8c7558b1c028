"""Migrations run while the former version does: they only add, and wait for nothing and nobody for long."""

import pytest
import sqlalchemy as sa
from alembic import op

from tests.store.migration_statements import objections, of_every_migration, statements_of

FIRST_DAY = "0006"
"""Up to here every migration ran on tables with nothing in them."""

EXCEPTIONS = {
    ("0008", "UPDATE batches SET workflow_started_at"): "of unfinished batches alone, some hundreds at most",
    ("0011", "ck_tokens_scope_known"): "tokens are few, and the column is new",
    ("0020", "DROP CONSTRAINT ck_contacts_skip_reason_known"): "replaced in the same transaction",
    ("0020", "ADD CONSTRAINT ck_contacts_skip_reason_known"): "allows one reason more than before",
    ("0020", "ck_suppressions_number_or_hash"): "the former version writes numbers, and never the new hash",
}
"""By revision and a part of the statement: why it does no harm."""


def excused(revision: str, statement: str) -> bool:
    return any(revision == of and part in statement for of, part in EXCEPTIONS)


def test_no_migration_holds_up_or_breaks_the_version_that_still_runs() -> None:
    found = [
        f"{revision}: {statement[:120]}: {objection}"
        for revision, statements in of_every_migration().items()
        if revision > FIRST_DAY
        for statement, objection in objections(statements)
        if not excused(revision, statement)
    ]

    assert not found, "\n  ".join(["docs/versioning.md says how to get there in two releases:", *found])


@pytest.mark.parametrize(("revision", "part"), EXCEPTIONS)
def test_exception_is_of_a_statement_that_would_be_objected_to(revision: str, part: str) -> None:
    assert any(part in statement for statement, _ in objections(of_every_migration()[revision]))


def test_every_migration_says_something() -> None:
    assert all(len(statements) > 2 for statements in of_every_migration().values())


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        pytest.param("ALTER TABLE calls DROP COLUMN error", "a release later", id="column dropped"),
        pytest.param("DROP TABLE slots", "a release later", id="table dropped"),
        pytest.param("ALTER TABLE calls RENAME COLUMN error TO failure", "old name", id="column renamed"),
        pytest.param("ALTER TABLE calls RENAME TO attempts", "old name", id="table renamed"),
        pytest.param("ALTER INDEX ix_a RENAME TO ix_b", "old name", id="index renamed"),
        pytest.param("ALTER TABLE calls ALTER COLUMN attempt TYPE BIGINT", "rewrites", id="other type"),
        pytest.param("ALTER TABLE calls ALTER COLUMN error SET NOT NULL", "leaves it empty", id="not null"),
        pytest.param(
            "ALTER TABLE batches ALTER COLUMN keep_open DROP DEFAULT", "does not say it", id="no default"
        ),
        pytest.param(
            "ALTER TABLE calls ADD COLUMN a TEXT NOT NULL", "needs a default", id="column without default"
        ),
        pytest.param(
            "ALTER TABLE calls ADD COLUMN a UUID DEFAULT gen_random_uuid()", "rewrites", id="random default"
        ),
        pytest.param("ALTER TABLE calls ADD COLUMN a BIGSERIAL", "rewrites", id="serial"),
        pytest.param("ALTER TABLE calls ADD COLUMN a TEXT UNIQUE", "builds an index", id="unique column"),
        pytest.param("ALTER TABLE calls ADD COLUMN a TEXT REFERENCES batches", "every row", id="reference"),
        pytest.param(
            "ALTER TABLE calls ADD CONSTRAINT a UNIQUE (error)", "beside the work", id="unique constraint"
        ),
        pytest.param(
            "ALTER TABLE calls ADD CONSTRAINT a FOREIGN KEY(error) REFERENCES b (c)",
            "under a lock",
            id="foreign key",
        ),
        pytest.param(
            "ALTER TABLE calls ADD CONSTRAINT a CHECK (attempt > 0)", "create_check", id="check at once"
        ),
        pytest.param(
            "ALTER TABLE calls ADD CONSTRAINT a CHECK (attempt > 0) NOT VALID",
            "may refuse",
            id="check of old column",
        ),
        pytest.param("ALTER TABLE calls DROP CONSTRAINT a", "relied on it", id="constraint dropped"),
        pytest.param("CREATE INDEX ix ON calls (error)", "locks the table", id="index"),
        pytest.param("create unique index ix ON calls (error)", "locks the table", id="small letters"),
        pytest.param("CREATE UNIQUE INDEX CONCURRENTLY ix ON calls (error)", "may refuse", id="unique index"),
        pytest.param("DROP INDEX ix", "locks the table", id="index dropped"),
        pytest.param("UPDATE calls SET error = ''", "by pages", id="update"),
        pytest.param("DELETE FROM calls", "by pages", id="delete"),
        pytest.param("INSERT INTO calls SELECT * FROM b", "by pages", id="insert"),
        pytest.param("DROP TRIGGER a ON calls", "relies on it", id="trigger dropped"),
        pytest.param("LOCK TABLE calls", "locks a table", id="lock"),
        pytest.param("VACUUM FULL calls", "not known", id="something else"),
    ],
)
def test_planted_statement_is_objected_to(statement: str, told: str) -> None:
    [(found, objection)] = objections(["BEGIN", statement, "COMMIT"])

    assert found == statement
    assert told in objection


@pytest.mark.parametrize(
    "statements",
    [
        pytest.param(["ALTER TABLE calls ADD COLUMN a TEXT"], id="empty column"),
        pytest.param(["ALTER TABLE calls ADD COLUMN a INTEGER DEFAULT 1 NOT NULL"], id="column with default"),
        pytest.param(["ALTER TABLE calls ALTER COLUMN error DROP NOT NULL"], id="may be empty"),
        pytest.param(["CREATE INDEX CONCURRENTLY ix ON calls (error)"], id="index beside the work"),
        pytest.param(["CREATE TABLE a (b TEXT NOT NULL)", "CREATE UNIQUE INDEX ix ON a (b)"], id="new table"),
        pytest.param(
            ["CREATE TABLE a (b TEXT)", "INSERT INTO a SELECT error FROM calls"], id="new table filled"
        ),
        pytest.param(
            [
                "ALTER TABLE calls ADD COLUMN disposition TEXT",
                "ALTER TABLE calls ADD CONSTRAINT c CHECK (disposition <> 'error') NOT VALID",
                "ALTER TABLE calls VALIDATE CONSTRAINT c",
            ],
            id="check of a new column",
        ),
    ],
)
def test_planted_addition_is_let_through(statements: list[str]) -> None:
    assert list(objections(statements)) == []


def test_what_is_said_by_functions_of_alembic_is_read_too() -> None:
    def upgrade() -> None:
        op.add_column("calls", sa.Column("a", sa.Text(), nullable=False))
        op.drop_column("calls", "error")

    assert [objection for _, objection in objections(statements_of(upgrade))] == [
        "needs a default: the former says none",
        "the former version uses it: take it away a release later",
    ]
