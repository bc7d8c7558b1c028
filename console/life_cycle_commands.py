"""`apollo campaigns pause …`, `apollo batches cancel …`: what moves campaigns, batches and contacts along.

The new status goes to stdout, the API's own words to stderr.
"""

from typing import Annotated

import typer

from console.api_client import JsonObject
from console.cli_context import ApiToken, ApiUrl, cli_context_of

campaign_actions = typer.Typer()
batch_actions = typer.Typer()

CampaignId = Annotated[str, typer.Argument(metavar="ID", help="Id of the campaign.")]
BatchId = Annotated[str, typer.Argument(metavar="ID", help="Id of the batch.")]


@campaign_actions.command("pause")
def pause_campaign(
    context: typer.Context, campaign_id: CampaignId, api_url: ApiUrl = None, token: ApiToken = None
) -> None:
    """Hold a campaign and its batches; live calls finish."""
    with cli_context_of(context).connect(api_url, token) as api:
        _show(api.act("campaigns", campaign_id, "pause"))


@campaign_actions.command("resume")
def resume_campaign(
    context: typer.Context,
    campaign_id: CampaignId,
    all_batches: Annotated[
        bool, typer.Option("--all", help="Also batches that were paused on their own.")
    ] = False,
    api_url: ApiUrl = None,
    token: ApiToken = None,
) -> None:
    """Let a paused campaign go on, with the batches that were paused with it."""
    query = {"all": "true"} if all_batches else {}
    with cli_context_of(context).connect(api_url, token) as api:
        _show(api.act("campaigns", campaign_id, "resume", **query))


@campaign_actions.command("cancel")
def cancel_campaign(
    context: typer.Context, campaign_id: CampaignId, api_url: ApiUrl = None, token: ApiToken = None
) -> None:
    """Stop a campaign and its unfinished batches for good."""
    with cli_context_of(context).connect(api_url, token) as api:
        _show(api.act("campaigns", campaign_id, "cancel"))


@batch_actions.command("pause")
def pause_batch(
    context: typer.Context, batch_id: BatchId, api_url: ApiUrl = None, token: ApiToken = None
) -> None:
    """Hold a batch; live calls finish."""
    with cli_context_of(context).connect(api_url, token) as api:
        _show(api.act("batches", batch_id, "pause"))


@batch_actions.command("resume")
def resume_batch(
    context: typer.Context, batch_id: BatchId, api_url: ApiUrl = None, token: ApiToken = None
) -> None:
    """Let a paused batch go on."""
    with cli_context_of(context).connect(api_url, token) as api:
        _show(api.act("batches", batch_id, "resume"))


@batch_actions.command("cancel")
def cancel_batch(
    context: typer.Context, batch_id: BatchId, api_url: ApiUrl = None, token: ApiToken = None
) -> None:
    """Stop a batch for good and skip every contact that was not called."""
    with cli_context_of(context).connect(api_url, token) as api:
        _show(api.act("batches", batch_id, "cancel"))


@batch_actions.command("close")
def close_batch(
    context: typer.Context, batch_id: BatchId, api_url: ApiUrl = None, token: ApiToken = None
) -> None:
    """Let a batch that is kept open complete once everybody is done."""
    with cli_context_of(context).connect(api_url, token) as api:
        _show(api.act("batches", batch_id, "close"))


@batch_actions.command("dispatch")
def dispatch_batch(
    context: typer.Context,
    batch_id: BatchId,
    now: Annotated[bool, typer.Option("--now", help="Start a batch whose start lies ahead.")] = False,
    api_url: ApiUrl = None,
    token: ApiToken = None,
) -> None:
    """Dispatch the pending contacts of a batch again."""
    query = {"now": "true"} if now else {}
    with cli_context_of(context).connect(api_url, token) as api:
        answer = api.act("batches", batch_id, "dispatch", **query)
    _show(answer, f": {answer.get('dispatched_count')} pending contacts")


@batch_actions.command("skip")
def skip_contact(
    context: typer.Context,
    batch_id: Annotated[str, typer.Argument(metavar="BATCH", help="Id of the batch.")],
    contact_id: Annotated[str, typer.Argument(metavar="CONTACT", help="Id of the contact.")],
    api_url: ApiUrl = None,
    token: ApiToken = None,
) -> None:
    """Skip a waiting contact: it is not called (again)."""
    with cli_context_of(context).connect(api_url, token) as api:
        _show(api.act("batches", batch_id, "contacts", contact_id, "skip"))


def _show(answer: JsonObject, more: str = "") -> None:
    typer.echo(answer.get("status"))
    typer.echo(f"{answer.get('message')}{more}.", err=True)
