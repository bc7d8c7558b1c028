"""`apollo tokens …`: the operator's way, straight to the database, which these commands alone load."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console

from console.listing import show_list
from domain.access import TokenScope, lifetime_of
from domain.identity import OrganizationId, TokenId
from domain.ports import NewToken
from embedded.database import operators_database
from embedded.plan import with_absolute_folder
from settings import read_settings

_COLUMNS = ("token", "name", "organization", "created", "last used", "revoked", "scope", "expires")

tokens = typer.Typer(no_args_is_help=True, help="Who may use the API; works on the database itself.")


def _lifetime(text: str) -> timedelta:
    try:
        return lifetime_of(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


@tokens.command("create")
def create(
    organization: Annotated[str, typer.Option(help="Whose campaigns and batches the token opens.")],
    name: Annotated[str, typer.Option(help="What people call the token.")],
    scope: Annotated[TokenScope, typer.Option(help="What the token may ask for.")] = TokenScope.FULL,
    expires_in: Annotated[
        timedelta | None,
        typer.Option(
            parser=_lifetime, metavar="90d", help="Its life, such as 90d, 12h or 30m; else for ever."
        ),
    ] = None,
) -> None:
    """Create a token; prints its secret, this once."""
    from embedded.tokens import create_token

    new = NewToken(name=name, scope=scope, lifetime=expires_in)
    with _database() as database_url:
        token, secret = create_token(database_url, OrganizationId(organization), new)
    typer.echo(secret)
    typer.echo(f"Token {token.token_id} created; its secret is not shown again.", err=True)


@tokens.command("list")
def list_all() -> None:
    """Show every token, never a secret."""
    from embedded.tokens import list_tokens

    with _database() as database_url:
        found = list_tokens(database_url)
    rows = [
        [
            token.token_id,
            token.name,
            token.organization_id,
            *map(_shown, (token.created_at, token.last_used_at, token.revoked_at)),
            token.scope,
            _shown(token.expires_at),
        ]
        for token in found
    ]
    show_list(_COLUMNS, rows, Console())


@tokens.command("revoke")
def revoke(token_id: Annotated[str, typer.Argument(metavar="ID", help="The token's id.")]) -> None:
    """Make a token answer 401 from the next request on."""
    from embedded.tokens import revoke_token

    with _database() as database_url:
        is_known = revoke_token(database_url, TokenId(token_id))
    if not is_known:
        typer.echo("apollo: There is no token of this id", err=True)
        raise typer.Exit(1)
    typer.echo("Token revoked.")


@contextmanager
def _database() -> Iterator[str]:
    with operators_database(with_absolute_folder(read_settings())) as database_url:
        yield database_url


def _shown(instant: datetime | None) -> str:
    return "" if instant is None else f"{instant:%Y-%m-%d %H:%M:%S}Z"
