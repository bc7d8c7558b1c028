"""`apollo campaigns …`"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from console.api_client import JsonObject
from console.changes import change_body, given, json_file
from console.cli_context import ApiToken, ApiUrl, cli_context_of
from console.failures import UsageWrong
from console.life_cycle_commands import CampaignId, campaign_actions
from console.listing import cells, show_list, shown

campaigns = typer.Typer(no_args_is_help=True, help="The standing rules under which people are called.")
campaigns.add_typer(campaign_actions)

_PACE = "Dials per second at most, 0.1 to 100, over all batches."
_STICKY = "Show a contact the number of its first attempt again."
_ZONE = "IANA name of the zone of its hours, or from_number."
_FALLBACK = "IANA name of the zone for numbers that tell none; from_number needs it."
_PRESETS = "A law whose rules hold as well, by its name in `apollo presets list`; may be repeated."
_HOLIDAYS = "Nobody is called on public holidays of this country or subdivision, such as US-CA."


@campaigns.command("create")
def create(  # noqa: PLR0913 - one parameter per option
    context: typer.Context,
    *,
    name: Annotated[str | None, typer.Option(help="What people call the campaign.")] = None,
    agent: Annotated[str | None, typer.Option(help="The voice agent that speaks.")] = None,
    phone: Annotated[list[str] | None, typer.Option(help="A number to show, E.164; may be repeated.")] = None,
    concurrency: Annotated[int | None, typer.Option(help="Live calls at most, over all batches.")] = None,
    calls_per_second: Annotated[float | None, typer.Option(help=_PACE)] = None,
    sticky_caller_id: Annotated[bool | None, typer.Option(help=_STICKY)] = None,
    max_retries: Annotated[int | None, typer.Option(help="Retries per contact.")] = None,
    cooldown_minutes: Annotated[float | None, typer.Option(help="Wait before a retry.")] = None,
    timezone: Annotated[str | None, typer.Option(help=_ZONE)] = None,
    fallback_timezone: Annotated[str | None, typer.Option(help=_FALLBACK)] = None,
    holidays: Annotated[str | None, typer.Option(help=_HOLIDAYS)] = None,
    preset: Annotated[list[str] | None, typer.Option(help=_PRESETS)] = None,
    file: Annotated[Path | None, typer.Option(help="The whole campaign as JSON, instead of options.")] = None,
    api_url: ApiUrl = None,
    token: ApiToken = None,
) -> None:
    """Create a campaign; prints its id."""
    metadata = {"concurrency_limit": concurrency}
    retry_policy = {"max_retries": max_retries, "cooldown_minutes": cooldown_minutes}
    options = given(
        {
            "name": name,
            "agent_id": agent,
            "phone_numbers": phone or None,
            "calls_per_second": calls_per_second,
            "sticky_caller_id": sticky_caller_id,
            "timezone": timezone,
            "fallback_timezone": fallback_timezone,
            "holidays": holidays,
            "presets": preset or None,
            "metadata": given(metadata) or None,
            "retry_policy": given(retry_policy) or None,
        }
    )
    body = _campaign_body(options, file)
    with cli_context_of(context).connect(api_url, token) as api:
        campaign_id = api.create_campaign(body)["campaign_id"]
    typer.echo(campaign_id)
    typer.echo(
        f"Campaign created. Next: apollo batches create people.csv --campaign {campaign_id} --watch", err=True
    )


@campaigns.command("list")
def list_campaigns(context: typer.Context, api_url: ApiUrl = None, token: ApiToken = None) -> None:
    """Show every campaign, newest first."""
    fields = ("campaign_id", "name", "status", "created_at", "completed_calls")
    with cli_context_of(context).connect(api_url, token) as api:
        rows = [cells(each, fields) for each in api.campaigns()]
    show_list(("campaign", "name", "status", "created", "completed calls"), rows, Console())


@campaigns.command("show")
def show_campaign(
    context: typer.Context, campaign_id: CampaignId, api_url: ApiUrl = None, token: ApiToken = None
) -> None:
    """Show everything about one campaign, field by field."""
    with cli_context_of(context).connect(api_url, token) as api:
        campaign = api.campaign(campaign_id)
    show_list(("field", "value"), ([name, shown(value)] for name, value in campaign.items()), Console())


@campaigns.command("stats")
def show_stats(
    context: typer.Context, campaign_id: CampaignId, api_url: ApiUrl = None, token: ApiToken = None
) -> None:
    """Show the numbers of one campaign: its contacts, batches, calls and waiting retries."""
    with cli_context_of(context).connect(api_url, token) as api:
        stats = api.campaign_stats(campaign_id)
    show_list(("number", "of", "count"), _numbers(stats), Console())


@campaigns.command("update")
def update(  # noqa: PLR0913 - one parameter per option
    context: typer.Context,
    campaign_id: CampaignId,
    *,
    name: Annotated[str | None, typer.Option(help="What people call the campaign.")] = None,
    agent: Annotated[str | None, typer.Option(help="The voice agent that speaks.")] = None,
    phone: Annotated[
        list[str] | None, typer.Option(help="A number to show instead of all before; may be repeated.")
    ] = None,
    calls_per_second: Annotated[float | None, typer.Option(help=_PACE)] = None,
    sticky_caller_id: Annotated[bool | None, typer.Option(help=_STICKY)] = None,
    max_follow_ups: Annotated[int | None, typer.Option(help="Follow-ups per contact.")] = None,
    timezone: Annotated[str | None, typer.Option(help=_ZONE)] = None,
    fallback_timezone: Annotated[str | None, typer.Option(help=_FALLBACK)] = None,
    holidays: Annotated[str | None, typer.Option(help=_HOLIDAYS)] = None,
    preset: Annotated[list[str] | None, typer.Option(help=_PRESETS)] = None,
    reset: Annotated[
        list[str] | None, typer.Option(help="A field to set back to its default; may be repeated.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="The change as JSON, instead of options.")] = None,
    api_url: ApiUrl = None,
    token: ApiToken = None,
) -> None:
    """Change a campaign's rules, for later calls and for waiting contacts; shows it as it is now."""
    options = given(
        {
            "name": name,
            "agent_id": agent,
            "phone_numbers": phone or None,
            "calls_per_second": calls_per_second,
            "sticky_caller_id": sticky_caller_id,
            "max_follow_ups": max_follow_ups,
            "timezone": timezone,
            "fallback_timezone": fallback_timezone,
            "holidays": holidays,
            "presets": preset or None,
        }
    )
    change = change_body(options, reset or [], file)
    with cli_context_of(context).connect(api_url, token) as api:
        campaign = api.change_campaign(campaign_id, change)
    show_list(("field", "value"), ([name, shown(value)] for name, value in campaign.items()), Console())


@campaigns.command("clone")
def clone(
    context: typer.Context,
    campaign_id: CampaignId,
    name: Annotated[str, typer.Option(help="What people call the copy.")],
    api_url: ApiUrl = None,
    token: ApiToken = None,
) -> None:
    """Copy a campaign with all its rules, without its batches; prints the id of the copy."""
    with cli_context_of(context).connect(api_url, token) as api:
        copy_id = api.clone_campaign(campaign_id, name)["campaign_id"]
    typer.echo(copy_id)
    typer.echo("Campaign cloned as a draft.", err=True)


@campaigns.command("delete")
def delete(
    context: typer.Context, campaign_id: CampaignId, api_url: ApiUrl = None, token: ApiToken = None
) -> None:
    """Soft-delete a finished campaign, with its batches and contacts; its data is kept."""
    with cli_context_of(context).connect(api_url, token) as api:
        api.delete_campaign(campaign_id)
    typer.echo("deleted")
    typer.echo("Campaign deleted.", err=True)


def _numbers(stats: JsonObject) -> Iterator[Sequence[str]]:
    for name, value in stats.items():
        if isinstance(value, Mapping):
            yield from ([name, key, shown(count)] for key, count in value.items())
        elif name != "campaign_id":
            yield [name, "", shown(value)]


def _campaign_body(options: JsonObject, file: Path | None) -> JsonObject:
    if file is not None:
        if options:
            raise UsageWrong("Give either --file or the options of a campaign, not both")
        return json_file(file)
    wanted = {"name": "--name", "agent_id": "--agent", "phone_numbers": "--phone"}
    missing = [option for field, option in wanted.items() if field not in options]
    if missing:
        raise UsageWrong(f"A campaign needs {', '.join(missing)} (or --file)")
    return options
