"""The root command group: failures become one line on stderr and an exit code."""

from typing import Any

import typer
from typer.core import TyperGroup

from console.failures import REFUSED, CommandFailed
from domain.errors import ApolloError


class ApolloGroup(TyperGroup):
    """Ends failed commands without a stack trace."""

    def invoke(self, ctx: Any) -> Any:  # typer publishes no type for its own context class here
        """Run the command that was typed."""
        try:
            return super().invoke(ctx)
        except CommandFailed as failure:
            code, text = failure.exit_code, str(failure)
        except ApolloError as error:
            code, text = REFUSED, error.message
        typer.echo(f"apollo: {text}", err=True)
        raise typer.Exit(code)
