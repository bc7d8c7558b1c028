"""The schema's history leads to the tables the code speaks of, and back."""

import threading
from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, NullPool, create_engine, inspect, text

from domain.errors import StoreUnavailable
from embedded.postgres import EmbeddedPostgres
from store.migrations import downgrade, upgrade
from store.tables import METADATA

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
    upgrade(database_url)
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
