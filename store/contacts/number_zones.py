"""Contacts whose zones are to be learnt, found and kept a stretch of a batch at a time."""

from collections.abc import Mapping, Sequence

from sqlalchemy import (
    ARRAY,
    BindParameter,
    Integer,
    Text,
    and_,
    any_,
    bindparam,
    case,
    exists,
    func,
    literal,
    null,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.batch import UNFINISHED_BATCH
from domain.contact import TERMINAL
from domain.identity import BatchId, ContactId
from domain.ports import NumbersToLearn
from domain.zones import FROM_NUMBER
from store.database.engine import single_statement, transaction
from store.schema.mapping import rules_version_of
from store.schema.tables import batches, campaigns, contacts

_this_batch: BindParameter[str] = bindparam("this_batch", type_=Text)
_IS_UNFINISHED = batches.c.status.in_(sorted(UNFINISHED_BATCH))
# Nobody asks for zones without a fallback, which stays once it is there. Both rows are locked, so that the
# mark is not set over that of a change to ask, which is under way. Read once, as a CTE: a subquery of IN may
# be read again for each row, and lock others than before.
_UNASKED = (
    select(batches.c.batch_id)
    .join_from(batches, campaigns, batches.c.campaign_id == campaigns.c.campaign_id)
    .where(
        _IS_UNFINISHED,
        batches.c.zones_version.is_distinct_from(bindparam("version", type_=Text)),
        campaigns.c.fallback_timezone.is_(None),
    )
    .limit(bindparam("room", type_=Integer))
    .with_for_update(key_share=True, skip_locked=True)
    .cte("unasked")
)
_MARK_UNASKED = (
    update(batches)
    .where(batches.c.batch_id.in_(select(_UNASKED.c.batch_id)))
    .values(zones_version=bindparam("version", type_=Text))
)
_RULES = (
    select(batches.c.rules_version, campaigns.c.policy_version)
    .join_from(batches, campaigns, batches.c.campaign_id == campaigns.c.campaign_id)
    .where(batches.c.batch_id == _this_batch, _IS_UNFINISHED, campaigns.c.deleted_at.is_(None))
)
_STRETCH = (
    select(
        contacts.c.contact_id,
        contacts.c.batch_id,
        contacts.c.position,
        contacts.c.phone_number,
        contacts.c.timezone,
        contacts.c.zones_version,
        contacts.c.status,
    )
    .where(contacts.c.batch_id == _this_batch, contacts.c.position > bindparam("after", type_=Integer))
    .order_by(contacts.c.position)
    .limit(bindparam("room", type_=Integer))
    .subquery("stretch")
)
_ASKS = and_(
    func.coalesce(_STRETCH.c.timezone, batches.c.timezone, campaigns.c.timezone) == FROM_NUMBER,
    _STRETCH.c.status.not_in(sorted(TERMINAL)),
)
_IS_TO_BE_LEARNT = and_(_ASKS, _STRETCH.c.zones_version.is_distinct_from(bindparam("version", type_=Text)))
_NUMBERS = (
    select(
        _STRETCH.c.contact_id,
        _STRETCH.c.position,
        case((_IS_TO_BE_LEARNT, _STRETCH.c.phone_number), else_=null()).label("number"),
        _ASKS.label("asks"),
    )
    .join_from(_STRETCH, batches, batches.c.batch_id == _STRETCH.c.batch_id)
    .join(campaigns, campaigns.c.campaign_id == batches.c.campaign_id)
    .order_by(_STRETCH.c.position)
)
_LEARNT = (
    func.unnest(
        bindparam("ids", type_=ARRAY(Text)),
        bindparam("numbers", type_=ARRAY(Text)),
        bindparam("zones", type_=ARRAY(Text)),
    )
    .table_valued("contact_id", "number", "zones", name="learnt")
    .render_derived()
)
_KEEP = (
    update(contacts)
    .where(contacts.c.contact_id == _LEARNT.c.contact_id, contacts.c.phone_number == _LEARNT.c.number)
    .values(
        number_timezones=func.string_to_array(_LEARNT.c.zones, ","),
        zones_version=bindparam("version", type_=Text),
    )
)
# In the order of all who lock several contacts of a batch.
_LOCK = (
    select(contacts.c.contact_id)
    .where(contacts.c.contact_id == any_(bindparam("ids", type_=ARRAY(Text))))
    .order_by(contacts.c.position)
    .with_for_update(key_share=True)
)


class PostgresNumberZoneStore:
    """The zones of all contacts' numbers; implements `NumberZoneStore`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def mark_unasked(self, version: str, limit: int) -> int:
        """Mark batches whose campaigns have no fallback, but those that somebody holds."""
        async with single_statement(self._engine) as connection:
            marked = await connection.execute(_MARK_UNASKED, {"version": version, "room": limit})
            return marked.rowcount

    async def batches_to_learn(self, version: str, limit: int) -> Sequence[BatchId]:
        """Return unfinished batches of which some zones may not be learnt by this version."""
        c = batches.c
        found = select(c.batch_id).where(_IS_UNFINISHED, c.zones_version.is_distinct_from(version))
        async with single_statement(self._engine) as connection:
            return list((await connection.scalars(found.order_by(c.batch_id).limit(limit))).all())

    async def numbers_to_learn(
        self, batch_id: BatchId, version: str, after_position: int, limit: int
    ) -> NumbersToLearn | None:
        """Look at the next contacts of a batch by position; None when it is over or gone."""
        this = {"this_batch": batch_id, "version": version, "after": after_position, "room": limit}
        async with transaction(self._engine) as connection:
            rules_version = await _rules_version(connection, batch_id)
            if rules_version is None:
                return None
            rows = (await connection.execute(_NUMBERS, this)).all()
        return NumbersToLearn(
            numbers={ContactId(each.contact_id): each.number for each in rows if each.number is not None},
            last_position=rows[-1].position if rows else after_position,
            has_asking=any(each.asks for each in rows),
            is_last=len(rows) < limit,
            rules_version=rules_version,
        )

    async def keep_zones(
        self,
        batch_id: BatchId,
        version: str,
        numbers: Mapping[ContactId, str],
        zones: Mapping[ContactId, Sequence[str]],
    ) -> None:
        """Keep the zones of contacts that still have these numbers: they may be erased meanwhile."""
        ids = list(zones)
        learnt = {
            "ids": ids,
            "numbers": [numbers[each] for each in ids],
            "zones": [",".join(zones[each]) for each in ids],
            "version": version,
        }
        held = select(batches.c.batch_id).where(batches.c.batch_id == batch_id).with_for_update(read=True)
        async with transaction(self._engine) as connection:
            await connection.execute(held)
            await connection.execute(_LOCK, {"ids": ids})
            await connection.execute(_KEEP, learnt)

    async def mark_learnt(self, batch_id: BatchId, version: str, seen: NumbersToLearn) -> bool:
        """Keep that all zones of a batch are learnt; not if rules or contacts came since they were seen."""
        b, c = batches.c, contacts.c
        locked = select(b.batch_id).where(b.batch_id == batch_id).with_for_update(key_share=True)
        others = exists().where(c.batch_id == batch_id, c.position > seen.last_position)
        async with transaction(self._engine) as connection:
            await connection.execute(locked)
            if await _rules_version(connection, batch_id) != seen.rules_version:
                return False
            if await connection.scalar(select(others)):
                return False
            await connection.execute(
                update(batches).where(b.batch_id == literal(batch_id)).values(zones_version=version)
            )
        return True


async def _rules_version(connection: AsyncConnection, batch_id: BatchId) -> int | None:
    row = (await connection.execute(_RULES, {"this_batch": batch_id})).mappings().one_or_none()
    return None if row is None else rules_version_of(row)
