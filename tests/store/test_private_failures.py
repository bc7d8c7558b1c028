"""Whatever constraint fails: no number and no name in the error, its chain, the log, the history."""

import io
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import activity
from temporalio.api.failure.v1 import Failure
from temporalio.converter import DefaultFailureConverter, DefaultPayloadConverter
from temporalio.testing import ActivityEnvironment

from activities.failures import translating_failures
from domain.errors import (
    ApolloError,
    ConstraintViolated,
    StatementRefused,
    UnstorableValue,
)
from store.database.engine import single_statement, transaction
from tests.builders import a_new_contact
from tests.store.scenes import Stores

pytestmark = pytest.mark.store

NUMBER = "+14155550177"
NAME = "Ines Moreau"
SECRETS = (NUMBER, NAME, NUMBER[2:], "Moreau")

Use = Callable[[AsyncEngine], Awaitable[object]]


def _running(statement: str, **parameters: object) -> Use:
    async def run(engine: AsyncEngine) -> None:
        async with single_statement(engine) as connection:
            await connection.execute(text(statement), parameters)

    return run


def _copying(row: tuple[object, ...]) -> Use:
    async def run(engine: AsyncEngine) -> None:
        async with transaction(engine) as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None
            columns = "contact_id, batch_id, position, phone_number, status"
            async with (
                driver.cursor() as cursor,
                cursor.copy(f"COPY contacts ({columns}) FROM STDIN") as copy,
            ):
                await copy.write_row(row)

    return run


_ORGANIZATION = "INSERT INTO organizations VALUES (:name, now())"
_SUPPRESS = (
    "INSERT INTO suppressions "
    "(suppression_id, organization_id, phone_number, reason, created_at, updated_at) "
    "SELECT id, organization_id, :number, :name, now(), now() "
    "FROM organizations, (VALUES ('1'), ('2')) ids (id)"
)
_CALL = (
    "INSERT INTO calls (execution_id, contact_id, batch_id, campaign_id, attempt, kind, call_status, "
    "dial_state, to_number) "
    "VALUES ('exec_1', :name, 'btc_1', 'cmp_1', 1, 'initial', 'queued', 'ready', :number)"
)
_RAISE = "DO $$ BEGIN RAISE EXCEPTION 'no call to % of %', '+14155550177', 'Ines Moreau'; END $$"
_TOO_LONG = (
    "UPDATE calls SET provider_call_id = "
    ":name || (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 500) n)"
)

KINDS = [
    pytest.param(
        _running("UPDATE contacts SET phone_number = NULL"),
        ConstraintViolated,
        "contacts.phone_number",
        id="not null",
    ),
    pytest.param(
        _running("UPDATE contacts SET status = 'sung to'"),
        ConstraintViolated,
        "ck_contacts_status",
        id="check",
    ),
    pytest.param(
        _running(
            _SUPPRESS,
            number=NUMBER,
            name=NAME,
        ),
        ConstraintViolated,
        "uq_suppressions_organization_id_phone_number",
        id="unique",
    ),
    pytest.param(
        _running(_CALL, name=NAME, number=NUMBER), ConstraintViolated, "fk_calls_contact_id", id="foreign key"
    ),
    pytest.param(
        _running("SELECT CAST(:number AS integer)", number=NUMBER + NAME),
        UnstorableValue,
        None,
        id="wrong type",
    ),
    pytest.param(_running(_ORGANIZATION, name=f"{NAME}\x00"), UnstorableValue, None, id="zero byte"),
    pytest.param(_running(_ORGANIZATION, name=f"{NAME}\ud83d"), UnstorableValue, None, id="half a pair"),
    pytest.param(_running(_TOO_LONG, name=NAME), UnstorableValue, None, id="too long for its index"),
    pytest.param(_running(_RAISE), StatementRefused, None, id="raised by hand"),
    pytest.param(
        _running('SELECT "+14155550177" FROM contacts'), StatementRefused, None, id="no such column"
    ),
    pytest.param(_running("SELECT :number", number=object()), StatementRefused, None, id="no such type"),
    pytest.param(
        _copying(("con_x", "btc_1", NAME, NUMBER, "pending")),
        UnstorableValue,
        None,
        id="wrong type in a COPY",
    ),
    pytest.param(
        _copying(("con_x", "btc_1", 1, NUMBER, NAME)), ConstraintViolated, None, id="constraint in a COPY"
    ),
]


@pytest.fixture
async def engine(stores: Stores) -> AsyncEngine:
    """A database in which somebody was called."""
    await stores.a_kept_batch([a_new_contact(phone_number=NUMBER, call_variables={"callee_name": NAME})])
    async with transaction(stores.engine) as connection:
        await connection.execute(
            text(
                "INSERT INTO calls (execution_id, contact_id, batch_id, campaign_id, attempt, kind, "
                "call_status, dial_state, to_number) SELECT 'exec_0', contact_id, batch_id, campaign_id, 1, "
                "'initial', 'completed', 'accepted', phone_number FROM contacts"
            )
        )
    return stores.engine


def _log_lines(error: BaseException) -> str:
    """Return the error as both renderings of our logs tell it."""
    lines = io.StringIO()
    renderings: list[list[Any]] = [
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()],
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)],
    ]
    for rendering in renderings:
        logger = structlog.wrap_logger(structlog.PrintLogger(lines), processors=rendering)
        logger.error("failed", exc_info=error)
    return lines.getvalue()


def _history_of(error: BaseException) -> str:
    """Return the failure as Temporal would keep it, causes and stack traces included."""
    failure = Failure()
    DefaultFailureConverter().to_failure(error, DefaultPayloadConverter(), failure)
    return str(failure)


def _told(error: BaseException) -> str:
    causes = "".join(traceback.format_exception(error))
    return "\n".join((repr(error), str(error), causes, _log_lines(error), _history_of(error)))


@pytest.mark.parametrize(("use", "kind", "constraint"), KINDS)
async def test_failure_names_the_schema_and_nobody_in_it(
    engine: AsyncEngine, use: Use, kind: type[ApolloError], constraint: str | None
) -> None:
    with pytest.raises(kind) as refused:
        await use(engine)

    told = _told(refused.value)
    assert [each for each in SECRETS if each in told] == []
    assert refused.value.__cause__ is None
    if constraint is not None:
        assert constraint in str(refused.value)


@pytest.mark.parametrize(("use", "kind", "constraint"), KINDS)
async def test_activity_that_fails_on_a_row_keeps_it_out_of_the_history(
    engine: AsyncEngine, use: Use, kind: type[ApolloError], constraint: str | None
) -> None:
    @activity.defn
    @translating_failures
    async def settle() -> None:
        await use(engine)

    with pytest.raises(kind) as refused:
        await ActivityEnvironment().run(settle)

    told = _told(refused.value)
    assert [each for each in SECRETS if each in told] == []
