"""API tokens; a secret is never stored, only its hash."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.audit import AuditAction, AuditedChange
from domain.identity import TOKEN_PREFIX, MintId, OrganizationId, TokenId
from domain.ports import NewToken, Page, Token, Window
from store.access.organizations import keep_organization
from store.access.secrets import hash_of, new_secret
from store.audit.recording import record
from store.database.engine import single_statement, transaction
from store.schema.mapping import token_of
from store.schema.tables import tokens

USE_NOTED_EVERY = timedelta(minutes=1)

_IS_LIVE = (tokens.c.secret_sha256 == bindparam("shown"), tokens.c.revoked_at.is_(None))
_LIVE = select(tokens).where(*_IS_LIVE)
_NOTE_USE = update(tokens).where(*_IS_LIVE).values(last_used_at=bindparam("used_at")).returning(tokens)


class PostgresTokenStore:
    """The API tokens of all organizations; implements `TokenStore`."""

    def __init__(self, engine: AsyncEngine, mint: MintId) -> None:
        self._engine = engine
        self._mint = mint

    async def create(self, organization_id: OrganizationId, name: str, secret: str, now: datetime) -> Token:
        """Keep a token's hash, its organization too; the same secret again returns the token that has it."""
        async with transaction(self._engine) as connection:
            return await self._keep(connection, organization_id, NewToken(name=name), secret, now)

    async def issue(self, organization_id: OrganizationId, new: NewToken, now: datetime) -> tuple[Token, str]:
        """Make a token with a secret of its own, which is returned here and never again."""
        secret = new_secret()
        async with transaction(self._engine) as connection:
            return await self._keep(connection, organization_id, new, secret, now), secret

    async def authenticate(self, secret: str, now: datetime) -> Token | None:
        """Return the live token with this secret and note its use (to the minute)."""
        shown = hash_of(secret)
        async with single_statement(self._engine) as connection:
            row = (await connection.execute(_LIVE, {"shown": shown})).mappings().one_or_none()
            if row is None:
                return None
            token = token_of(row)
            if token.has_expired(now):
                return None
            if token.last_used_at is not None and now - token.last_used_at < USE_NOTED_EVERY:
                return token
            noted = await connection.execute(_NOTE_USE, {"shown": shown, "used_at": now})
            row = noted.mappings().one_or_none()
        return None if row is None else token_of(row)

    async def list_tokens(
        self, window: Window, *, organization_id: OrganizationId | None = None
    ) -> Page[Token]:
        """Return all tokens, newest first; of one organization those that were not revoked."""
        c = tokens.c
        matching = (
            [] if organization_id is None else [c.organization_id == organization_id, c.revoked_at.is_(None)]
        )
        page = select(tokens).where(*matching).order_by(c.created_at.desc(), c.token_id.desc())
        async with single_statement(self._engine) as connection:
            total = await connection.execute(select(func.count()).select_from(tokens).where(*matching))
            found = await connection.execute(page.offset(window.skip).limit(window.limit))
        return Page(items=[token_of(row) for row in found.mappings()], total=total.scalar_one())

    async def revoke(
        self, token_id: TokenId, now: datetime, *, organization_id: OrganizationId | None = None
    ) -> bool:
        """Revoke a token, once; False when there is none of this id, or for an organization no live one."""
        c = tokens.c
        own = [] if organization_id is None else [c.organization_id == organization_id]
        async with transaction(self._engine) as connection:
            locked = select(tokens).where(c.token_id == token_id, *own).with_for_update(key_share=True)
            row = (await connection.execute(locked)).mappings().one_or_none()
            if row is None:
                return False
            if row[c.revoked_at] is not None:
                return organization_id is None
            await connection.execute(update(tokens).where(c.token_id == token_id).values(revoked_at=now))
            token = token_of(row)
            change = AuditedChange(action=AuditAction.TOKEN_REVOKE, object_id=token_id, before=_told(token))
            await record(connection, token.organization_id, change, now)
        return True

    async def _keep(
        self,
        connection: AsyncConnection,
        organization_id: OrganizationId,
        new: NewToken,
        secret: str,
        now: datetime,
    ) -> Token:
        hashed = hash_of(secret)
        await keep_organization(connection, organization_id, now)
        added = await connection.execute(
            insert(tokens)
            .values(
                token_id=self._mint(TOKEN_PREFIX),
                organization_id=organization_id,
                name=new.name,
                scope=new.scope,
                secret_sha256=hashed,
                created_at=now,
                expires_at=None if new.lifetime is None else now + new.lifetime,
            )
            .on_conflict_do_nothing(index_elements=["secret_sha256"])
        )
        kept = await connection.execute(select(tokens).where(tokens.c.secret_sha256 == hashed))
        token = token_of(kept.mappings().one())
        if added.rowcount:
            change = AuditedChange(
                action=AuditAction.TOKEN_CREATE, object_id=token.token_id, after=_told(token)
            )
            await record(connection, token.organization_id, change, now)
        return token


def _told(token: Token) -> Mapping[str, object]:
    return {"name": token.name, "scope": token.scope, "expires_at": token.expires_at}
