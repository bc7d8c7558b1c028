"""Why a command failed: one line on stderr, and the exit code that scripts read."""

from typing import Any

import typer
from typer.core import TyperGroup

from domain.errors import ApolloError

REFUSED = 1
"""The API said no, or the work did not end well."""
USAGE = 2
"""The command line or a file it names is wrong."""
UNREACHABLE = 3
"""The API does not answer."""


class CommandFailed(Exception):
    """The command cannot do what was asked."""

    exit_code = REFUSED


class UsageWrong(CommandFailed):
    """What was given on the command line, or in a file, cannot be used."""

    exit_code = USAGE


class RequestRefused(CommandFailed):
    """The API answered with a problem."""


class RequestConflicts(RequestRefused):
    """The state of an object forbids it, or the same request is still in progress."""


class ApiUnreachable(CommandFailed):
    """The API did not answer, or only said that it cannot work now."""

    exit_code = UNREACHABLE


class ApolloGroup(TyperGroup):
    """Ends failed commands without a stack trace."""

    def invoke(self, ctx: Any) -> Any:  # typer publishes no type for its own context class here
        try:
            return super().invoke(ctx)
        except CommandFailed as failure:
            code, text = failure.exit_code, str(failure)
        except ApolloError as error:
            code, text = REFUSED, error.message
        typer.echo(f"apollo: {text}", err=True)
        raise typer.Exit(code)
