"""What the commands take from the process around them, handed down by the root."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import httpx
import typer

from console.api_client import ApiClient
from console.failures import UsageWrong
from console.watch import Watcher


@dataclass(frozen=True, kw_only=True)
class CliContext:
    """Defaults for the connection, and a clock."""

    api_url: str
    """Of the API this machine's settings describe."""
    stack_token: Callable[[], str | None]
    """Reads the token of the embedded stack, if there is one."""
    watcher: Watcher
    transport: httpx.BaseTransport | None = None
    """Takes the network's place."""

    def connect(self, api_url: str | None, token: str | None) -> ApiClient:
        """Return a client for what was typed, else for the defaults. Raises UsageWrong without a token."""
        secret = token or self.stack_token()
        if secret is None:
            raise UsageWrong("No API token: give --token, set APOLLO_API_TOKEN, or start the stack here once")
        if not (secret.isascii() and secret.isprintable()):
            raise UsageWrong("The API token holds characters that no token has")
        return ApiClient(api_url or self.api_url, secret, self.transport, pause=self.watcher.pause)


def cli_context_of(context: typer.Context) -> CliContext:
    """Return what the root handed down."""
    found = context.find_object(CliContext)
    if found is None:
        raise RuntimeError("The root gave the command no context")
    return found


ApiUrl = Annotated[
    str | None,
    typer.Option("--api-url", envvar="APOLLO_API_URL", help="The API; by default the one of this machine."),
]
ApiToken = Annotated[
    str | None,
    typer.Option(
        "--token", envvar="APOLLO_API_TOKEN", help="API token; by default the one of the data folder."
    ),
]
