"""The schema's history leads to the tables the code speaks of, and back."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool, create_engine, inspect, text

from domain.errors import StoreBusy, StoreUnavailable
from embedded.postgres import EmbeddedPostgres
from store import migrations
from store.database.connection import Timeouts
from store.migrations import downgrade, upgrade
from store.schema.tables import METADATA

pytestmark = pytest.mark.store

# What autogenerate does not compare: checks, and the predicates of partial indexes.
_FINE_PRINT = text(
    """
    SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> :version
    UNION
    SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> :version
    """
)


@pytest.fixture
def empty_database_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    postgres.create_database("empty")
    yield postgres.url("empty")
    postgres.drop_database("empty")


def _connect(url: str) -> Connection:
    return create_engine(url, poolclass=NullPool).connect()


def _tables(url: str) -> set[str]:
    with _connect(url) as connection:
        return set(inspect(connection).get_table_names())


def _fine_print(url: str) -> set[str]:
    with _connect(url) as connection:
        return set(connection.scalars(_FINE_PRINT, {"version": "alembic_version"}))


def test_migrations_lead_to_the_tables_of_the_code(database_url: str) -> None:
    with _connect(database_url) as connection:
        differences = compare_metadata(MigrationContext.configure(connection), METADATA)
    assert differences == []


def test_migrations_make_the_same_checks_and_indexes_as_the_code(
    database_url: str, empty_database_url: str
) -> None:
    with _connect(empty_database_url) as connection:
        METADATA.create_all(connection)
        connection.commit()
    assert _fine_print(database_url) == _fine_print(empty_database_url)


def test_migrations_go_down_to_nothing_and_up_again(database_url: str) -> None:
    downgrade(database_url, "base")
    assert _tables(database_url) == {"alembic_version"}
    upgrade(database_url)
    assert _tables(database_url) == {"alembic_version", *METADATA.tables}


def test_migrating_a_migrated_database_changes_nothing(database_url: str) -> None:
    assert upgrade(database_url) is True
    assert _tables(database_url) == {"alembic_version", *METADATA.tables}


def test_version_that_was_put_back_leaves_the_tables_of_a_newer_one(database_url: str) -> None:
    with _connect(database_url) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'of tomorrow'"))
        connection.commit()

    assert upgrade(database_url) is False
    assert _tables(database_url) == {"alembic_version", *METADATA.tables}


def test_two_processes_may_migrate_at_once(empty_database_url: str) -> None:
    failures: list[BaseException] = []

    def migrate() -> None:
        try:
            upgrade(empty_database_url)
        except BaseException as error:  # noqa: BLE001 - carried to the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=migrate) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert _tables(empty_database_url) == {"alembic_version", *METADATA.tables}


def test_migrating_without_a_server_says_the_store_is_unavailable() -> None:
    with pytest.raises(StoreUnavailable):
        upgrade("postgresql://nobody@/nothing?host=/nonexistent")


INDEX_MIGRATION = '''
"""An index on people, built beside the work."""
from store.migrations.concurrently import create_index, drop_index

revision, down_revision, branch_labels, depends_on = "planted", "{head}", None, None


def upgrade() -> None:
    create_index("ix_contacts_planted", "contacts", ["external_id"], where="external_id IS NOT NULL")


def downgrade() -> None:
    drop_index("ix_contacts_planted", "contacts")
'''


@pytest.fixture
def planted_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more migration after the newest, which builds an index."""
    heads = ScriptDirectory(str(Path(migrations.__file__).parent)).get_heads()
    (tmp_path / "planted.py").write_text(INDEX_MIGRATION.format(head=heads[0]))
    folders = f"{Path(migrations.__file__).parent / 'versions'}{os.pathsep}{tmp_path}"
    monkeypatch.setattr(migrations, "VERSIONS", folders)


def _index_is_valid(url: str) -> bool | None:
    planted = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('ix_contacts_planted')"
    with _connect(url) as connection:
        is_valid: bool | None = connection.scalar(text(planted))
    return is_valid


@pytest.mark.usefixtures("planted_index")
def test_index_is_built_while_contacts_are_written(database_url: str) -> None:
    with _connect(database_url) as writer:
        # A writer who goes on holds up the end of the build, and the build nobody.
        writer.execute(text("LOCK TABLE contacts IN ROW EXCLUSIVE MODE"))
        building = threading.Thread(target=upgrade, args=(database_url,))
        building.start()
        while _index_is_valid(database_url) is None:
            time.sleep(0.02)
        with _connect(database_url) as other:
            other.execute(text("SET lock_timeout = '1s'"))
            other.execute(text("UPDATE contacts SET external_id = 'x'"))
        assert building.is_alive()
        writer.rollback()
        building.join()
    assert _index_is_valid(database_url) is True
    downgrade(database_url, "-1")
    assert _index_is_valid(database_url) is None


@pytest.mark.usefixtures("planted_index")
def test_index_that_was_left_half_built_is_built_anew(database_url: str) -> None:
    with _connect(database_url) as connection:
        connection.execute(text("CREATE INDEX ix_contacts_planted ON contacts (external_id)"))
        half_built = (
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_contacts_planted'::regclass"
        )
        connection.execute(text(half_built))
        connection.commit()
    upgrade(database_url)
    assert _index_is_valid(database_url) is True


@pytest.mark.usefixtures("planted_index")
def test_two_processes_may_build_an_index_at_once(database_url: str) -> None:
    threads = [threading.Thread(target=upgrade, args=(database_url,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert _index_is_valid(database_url) is True


def test_migration_gives_up_a_table_that_somebody_holds(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "TIMEOUTS", Timeouts(statement=0, lock=0.2, idle_in_transaction=0))
    upgrade(empty_database_url, "0005")
    with _connect(empty_database_url) as holder:
        holder.execute(text("LOCK TABLE campaigns IN ACCESS SHARE MODE"))
        with pytest.raises(StoreBusy):
            upgrade(empty_database_url)
    upgrade(empty_database_url)
    assert _tables(empty_database_url) == {"alembic_version", *METADATA.tables}
