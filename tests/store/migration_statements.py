"""What migrations say to Postgres, and what of it would hold up or break the version that still runs."""

import io
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory

from store import migrations
from store.schema.tables import METADATA

_NEW_TABLE = re.compile(r"CREATE TABLE (\w+)")
_NEW_COLUMN = re.compile(r"ALTER TABLE (\w+) ADD COLUMN (\w+)")
_TARGET = re.compile(
    r"(?:ALTER TABLE|UPDATE|DELETE FROM|INSERT INTO|LOCK TABLE|DROP TABLE"
    r"|CREATE (?:UNIQUE )?INDEX (?:CONCURRENTLY )?\w+ ON) (?:IF EXISTS )?(?:ONLY )?(\w+)"
)
_VOLATILE = r"random|clock_timestamp|timeofday|nextval|gen_random_uuid|uuidv\d|new_webhook_id"

OBJECTIONS = (
    (r"DROP TABLE|ALTER TABLE \w+ DROP COLUMN", "the former version uses it: take it away a release later"),
    (r"ALTER \w+ \w+ RENAME", "the former version knows the old name: add the new beside it"),
    (r"ALTER TABLE \w+ ALTER COLUMN \w+ TYPE", "rewrites the table under a lock: add another column"),
    (r"ALTER TABLE \w+ ALTER COLUMN \w+ SET NOT NULL", "the former leaves it empty, and all is read"),
    (r"ALTER TABLE \w+ ALTER COLUMN \w+ DROP DEFAULT", "the former version does not say it"),
    (r"ALTER TABLE \w+ ADD COLUMN (?!.*\bDEFAULT\b).*NOT NULL", "needs a default: the former says none"),
    (rf"ALTER TABLE \w+ ADD COLUMN .*(DEFAULT.*\b({_VOLATILE})\(|GENERATED|SERIAL|\bPRIMARY KEY|\bUNIQUE)",
     "rewrites the table or builds an index under a lock"),
    (r"ALTER TABLE \w+ ADD COLUMN .*REFERENCES", "reads every row under locks on both tables"),
    (r"ALTER TABLE \w+ ADD CONSTRAINT (?!.*CHECK)", "works under a lock: build an index beside the work"),
    (r"ALTER TABLE \w+ ADD CONSTRAINT (?!.*NOT VALID)", "reads all under a lock: concurrently.create_check"),
    (r"ALTER TABLE \w+ DROP CONSTRAINT", "say why nobody relied on it"),
    (r"CREATE UNIQUE INDEX CONCURRENTLY", "may refuse what the former version writes"),
    (r"CREATE (UNIQUE )?INDEX (?!CONCURRENTLY)|DROP INDEX (?!CONCURRENTLY)",
     "locks the table meanwhile: store.migrations.concurrently"),
    (r"UPDATE|DELETE FROM|INSERT INTO", "writes many rows at once: leave it to the housekeeping, by pages"),
    (r"DROP (TRIGGER|FUNCTION|SEQUENCE|VIEW)", "the former version relies on it"),
    (r"LOCK TABLE", "locks a table for as long as the migration takes"),
)  # fmt: skip
"""How a statement begins, and what is to be said against it; the first that fits is said."""

HARMLESS = (
    r"BEGIN|COMMIT|SET lock_timeout = |RESET lock_timeout",
    r"CREATE (TABLE|SEQUENCE|FUNCTION|OR REPLACE FUNCTION|TRIGGER) |COMMENT ON ",
    r"(CREATE|DROP) INDEX CONCURRENTLY ",
    r"ALTER TABLE \w+ ADD COLUMN ",
    r"ALTER TABLE \w+ ADD CONSTRAINT \w+ CHECK .*NOT VALID$",
    r"ALTER TABLE \w+ VALIDATE CONSTRAINT ",
    r"ALTER TABLE \w+ ALTER COLUMN \w+ (DROP NOT NULL|SET DEFAULT )",
)
"""What neither waits for long nor takes anything away; whatever is not here has to be looked at."""


@cache
def of_every_migration() -> dict[str, tuple[str, ...]]:
    """Return the statements of each migration's way up, by its revision, the oldest first."""
    scripts = ScriptDirectory(str(Path(migrations.__file__).parent), version_locations=[migrations.VERSIONS])
    revisions = reversed(list(scripts.walk_revisions()))
    return {each.revision: statements_of(each.module.upgrade) for each in revisions}


def statements_of(upgrade: Callable[[], None]) -> tuple[str, ...]:
    """Return what a migration's function says, without a database, each statement on one line."""
    written = io.StringIO()
    options = {"as_sql": True, "output_buffer": written, "transaction_per_migration": True}
    context = MigrationContext.configure(dialect_name="postgresql", opts=options)
    with Operations.context(context), context.begin_transaction(_per_migration=True):
        upgrade()
    said = (" ".join(each.split()) for each in written.getvalue().split(";\n\n"))
    return tuple(each for each in said if each)


def objections(statements: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each statement that could harm the version that still runs, and what is against it."""
    said = tuple(statements)
    fresh = {found[1] for each in said if (found := _NEW_TABLE.match(each))}
    columns = {(found[1], found[2]) for each in said if (found := _NEW_COLUMN.match(each))}
    for each in said:
        target = _TARGET.match(each)
        if target is None or target[1] not in fresh:
            objection = _objection(each, columns)
            if objection is not None:
                yield each, objection


def _objection(statement: str, columns: set[tuple[str, str]]) -> str | None:
    for pattern, objection in OBJECTIONS:
        if re.match(pattern, statement, re.IGNORECASE):
            return objection
    if not any(re.match(pattern, statement, re.IGNORECASE) for pattern in HARMLESS):
        return "is not known to be harmless"
    if _narrows(statement, columns):
        return "may refuse what the former version writes: say why it does not"
    return None


def _narrows(statement: str, columns: set[tuple[str, str]]) -> bool:
    """Tell whether a check speaks of columns that the former version writes."""
    check = re.match(r"ALTER TABLE (\w+) ADD CONSTRAINT \w+ CHECK (.*)", statement)
    if check is None:
        return False
    table, condition = check[1], re.sub(r"'[^']*'", "", check[2])
    known = METADATA.tables[table].columns.keys() if table in METADATA.tables else set()
    spoken_of = {(table, word) for word in re.findall(r"\w+", condition) if word in known}
    return not spoken_of <= columns
