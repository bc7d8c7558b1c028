"""`apollo webhooks …`: where events are posted, and what came of the posts."""

from collections.abc import Sequence
from contextlib import suppress
from http.server import HTTPServer
from itertools import islice
from typing import Annotated

import typer
from rich.console import Console

from console.api_client import JsonObject
from console.cli_context import ApiToken, ApiUrl, cli_context_of
from console.failures import UsageWrong
from console.listing import cells, show_list, shown
from console.webhook_listener import HOST, a_listener

webhooks = typer.Typer(no_args_is_help=True, help="Events posted to your own servers.")

_ENDPOINT_FIELDS = ("endpoint_id", "url", "events", "enabled", "disabled_reason", "failing_since")
_DELIVERY_FIELDS = ("delivery_id", "event_id", "type", "endpoint_id", "state")
_DELIVERY_MARK = "whd_"

Events = Annotated[
    list[str] | None,
    typer.Option("--event", help="A type of event, such as call.ended; may be repeated; by default all."),
]


@webhooks.command("create")
def create(  # noqa: PLR0913 - one parameter per option
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="https, or http to localhost.")],
    event: Events = None,
    description: Annotated[str | None, typer.Option(help="For later readers.")] = None,
    api_url: ApiUrl = None,
    token: ApiToken = None,
) -> None:
    """Have events posted to a URL; prints the endpoint's id and its secret, this once."""
    given = {"url": url, "events": event or None, "description": description}
    with cli_context_of(context).connect(api_url, token) as api:
        endpoint = api.create_webhook_endpoint(
            {name: value for name, value in given.items() if value is not None}
        )
    typer.echo(f"{endpoint['endpoint_id']}\t{endpoint['secret']}")
    typer.echo("The secret verifies what is posted, and is not shown again.", err=True)


@webhooks.command("list")
def list_endpoints(context: typer.Context, api_url: ApiUrl = None, token: ApiToken = None) -> None:
    """Show the endpoints, newest first."""
    with cli_context_of(context).connect(api_url, token) as api:
        rows = [cells(each, _ENDPOINT_FIELDS) for each in api.webhook_endpoints()]
    show_list(("endpoint", "url", "events", "enabled", "disabled", "failing since"), rows, Console())


@webhooks.command("test")
def post_test(
    context: typer.Context, endpoint_id: str, api_url: ApiUrl = None, token: ApiToken = None
) -> None:
    """Post an endpoint.test; prints the delivery's id."""
    with cli_context_of(context).connect(api_url, token) as api:
        accepted = api.act("webhook-endpoints", endpoint_id, "test")
    typer.echo(accepted["delivery_id"])


@webhooks.command("deliveries")
def deliveries(  # noqa: PLR0913 - one parameter per option
    context: typer.Context,
    *,
    endpoint: Annotated[str | None, typer.Option(help="Only those to this endpoint.")] = None,
    state: Annotated[list[str] | None, typer.Option(help="pending, delivered or failed.")] = None,
    event: Events = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    api_url: ApiUrl = None,
    token: ApiToken = None,
) -> None:
    """Show deliveries, newest first, with how often they were tried and what came of the last attempt."""
    with cli_context_of(context).connect(api_url, token) as api:
        found = api.webhook_deliveries(endpoint_id=endpoint, states=state or (), types=event or ())
        rows = [[*cells(each, _DELIVERY_FIELDS), *_last_attempt(each)] for each in islice(found, limit)]
    names = ("delivery", "event", "type", "endpoint", "state", "attempts", "last", "came of it")
    show_list(names, rows, Console())


@webhooks.command("replay")
def replay(
    context: typer.Context,
    identifier: Annotated[str, typer.Argument(metavar="ID", help="Of a delivery, or of an endpoint.")],
    since: Annotated[
        str | None, typer.Option(help="For an endpoint: every event from this ISO 8601 date and time on.")
    ] = None,
    api_url: ApiUrl = None,
    token: ApiToken = None,
) -> None:
    """Deliver one event again, or all events of an endpoint since a time, under the same ids."""
    is_delivery = identifier.startswith(_DELIVERY_MARK)
    if is_delivery is (since is not None):
        raise UsageWrong("Give the id of a delivery, or that of an endpoint with --since")
    with cli_context_of(context).connect(api_url, token) as api:
        if is_delivery:
            typer.echo(api.act("webhook-deliveries", identifier, "replay")["state"])
        else:
            typer.echo(f"{api.replay_webhooks(identifier, since or '')['events']} events")


@webhooks.command("listen")
def listen(  # noqa: PLR0913 - one parameter per option
    context: typer.Context,
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of this machine; 0 takes a free one.")] = 9099,
    secret: Annotated[
        str | None,
        typer.Option(
            envvar="APOLLO_WEBHOOKS_SECRET",
            help="Of an endpoint that posts here already; without it one is made, and deleted at the end.",
        ),
    ] = None,
    event: Events = None,
    api_url: ApiUrl = None,
    token: ApiToken = None,
) -> None:
    """Show and verify what is posted to this machine, until Ctrl-C."""
    known = [secret or ""]
    with a_listener(port, lambda: known[0], _show_event) as server:
        url = f"http://{HOST}:{server.server_port}/"
        typer.echo(f"Listening on {url}, until Ctrl-C", err=True)
        if secret is not None:
            _until_stopped(server)
            return
        with cli_context_of(context).connect(api_url, token) as api:
            endpoint = api.create_webhook_endpoint({"url": url, "events": event or None})
            known[0] = str(endpoint["secret"])
            try:
                _until_stopped(server)
            finally:
                api.delete_webhook_endpoint(str(endpoint["endpoint_id"]))


def _until_stopped(server: HTTPServer) -> None:
    with suppress(KeyboardInterrupt):
        server.serve_forever()


def _show_event(line: Sequence[str]) -> None:
    # Tab by tab also for people: a table is drawn once, and events go on coming.
    typer.echo("\t".join("".join(each if each.isprintable() else " " for each in cell) for cell in line))


def _last_attempt(delivery: JsonObject) -> Sequence[str]:
    attempts = delivery.get("attempts")
    if not isinstance(attempts, list) or not attempts:
        return "0", "", ""
    last = attempts[-1]
    return str(len(attempts)), shown(last.get("at")), shown(last.get("status") or last.get("error"))
