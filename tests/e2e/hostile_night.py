"""A stack whose provider is hostile, and one batch that meets every fault at once."""

import io
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import make_url

from console.api_client import ApiClient, JsonObject
from domain.identity import OrganizationId
from domain.ports import NewToken
from embedded.listening import free_ports
from embedded.plan import StackPlan
from embedded.postgres import EmbeddedPostgres
from embedded.tokens import create_token
from settings import ProviderName
from tests.e2e.world import TERMINAL, World, a_plan, a_world
from tests.hostile.faults import (
    DIAL_SECONDS,
    FAULTS,
    LEASE_SECONDS,
    MAX_RETRIES,
    RETRY_ON,
    RING_SECONDS,
    VICTIMS_ENDING,
)
from tests.hostile.provider import Account, HostileProvider, hostile_provider

CALLEE = "Philippa Quist-Vandermeer"
CALLER = "+14155550180"
VICTIM = f"+141555507{VICTIMS_ENDING}"
_DATABASE_PASSWORD = "elephants-never-forget"
_APPLICATION_SID = "0fa1afe1-0000-4000-8000-0ddba11ca11e"
_PATIENCE_SECONDS = LEASE_SECONDS + 30


def number_of(ending: str) -> str:
    """Return the number whose calls meet the fault of that name."""
    return f"+141555506{ending}"


@dataclass(frozen=True, kw_only=True)
class Night:
    """What is left when every call of the night is over."""

    world: World
    provider: HostileProvider
    batch_id: str
    contacts: Mapping[str, JsonObject]
    """With their call records, by the last two digits of the number; the victim's too."""
    tokens: tuple[str, ...] = field(repr=False)

    @property
    def data_dir(self) -> Path:
        """Where the stack keeps its data and its logs."""
        return self.world.stack.plan.settings.data_dir

    def secrets(self) -> Mapping[str, str]:
        """Return what must be found nowhere, each under a name that may be shown."""
        account = self.provider.account
        tokens = {f"API token {index}": token for index, token in enumerate(self.tokens, start=1)}
        numbers = (CALLER, VICTIM, *map(number_of, FAULTS))
        return {
            "the provider's API key": account.api_key,
            "webhook secret": account.webhook_secret,
            "database password": _DATABASE_PASSWORD,
            "callee's name": CALLEE,
            **tokens,
            **{f"number that ends in {number[-2:]}": number.removeprefix("+") for number in numbers},
        }


@contextmanager
def a_hostile_night() -> Iterator[Night]:
    """Call everybody on a stack of one's own; yields when all calls are over."""
    folder = Path(tempfile.mkdtemp(prefix="apollo-e2e-")).resolve()
    folder.chmod(0o755)  # under root the database server runs as another user
    [port] = free_ports(1)
    account = Account(
        port=port,
        account_sid="a77ac4ed-0000-4000-8000-5e1f5e1f5e1f",
        api_key="jbz-key-that-nobody-may-read",
        webhook_secret="hooks-are-signed-with-this",
    )
    try:
        with _a_database(folder / "database") as database_url:
            plan = _plan(folder, account, database_url)
            with hostile_provider(account) as provider, a_world(plan) as world:
                yield _the_night(world, provider)
    finally:
        shutil.rmtree(folder)


@contextmanager
def _a_database(folder: Path) -> Iterator[str]:
    """Run a Postgres and yield its address, which holds a password as those of real ones do."""
    server = EmbeddedPostgres(folder, durable=False)
    try:
        server.start()
        server.create_database("apollo")
        address = make_url(server.url("apollo")).set(password=_DATABASE_PASSWORD)
        yield address.render_as_string(hide_password=False)
    finally:
        server.stop()


def _plan(folder: Path, account: Account, database_url: str) -> StackPlan:
    told = {**_told(account), "APOLLO_DATABASE_URL": database_url}
    plan = a_plan(folder, provider=ProviderName.JAMBONZ, environment=told)
    settings = plan.settings.model_copy(update={"database_url": SecretStr(database_url)})
    return replace(plan, settings=settings)


def _told(account: Account) -> Mapping[str, str]:
    return {
        "APOLLO_JAMBONZ_BASE_URL": account.base_url,
        "APOLLO_JAMBONZ_ACCOUNT_SID": account.account_sid,
        "APOLLO_JAMBONZ_API_KEY": account.api_key,
        "APOLLO_JAMBONZ_APPLICATION_SID": _APPLICATION_SID,
        "APOLLO_PROVIDER_REQUESTS_PER_SECOND": "0",
        "APOLLO_WEBHOOK_SECRET": account.webhook_secret,
        "APOLLO_DIAL_TIMEOUT_SECONDS": str(DIAL_SECONDS),
        "APOLLO_RING_TIMEOUT_SECONDS": str(RING_SECONDS),
        "APOLLO_WEBHOOK_SILENCE_SECONDS": "5",
        "APOLLO_LOG_LEVEL": "DEBUG",  # who looks for a fault looks closest, and may see no more
    }


def _the_night(world: World, provider: HostileProvider) -> Night:
    database_url = world.stack.plan.settings.required_database_url
    _, foreign_token = create_token(database_url, OrganizationId("org_other"), NewToken(name="other"))
    with ApiClient(world.stack.plan.api_url, foreign_token) as foreign:
        victims_batch = _call(foreign, [VICTIM])
        world.wait_for(lambda: VICTIM in provider.ledger.attempts)
        batch_id = _call(world.api, [number_of(ending) for ending in FAULTS])
        # A night without an end is told by the tests, fault by fault.
        with suppress(TimeoutError):
            world.wait_for_end(batch_id, _PATIENCE_SECONDS)
            world.wait_for(lambda: foreign.batch(victims_batch)["status"] in TERMINAL, 15)
            world.wait_for(lambda: provider.is_quiet, 15)
            world.wait_for(lambda: world.running_workflows(f"BatchId='{batch_id}'") == 0, 15)
        victims = list(foreign.contacts_with_calls(victims_batch))
    contacts = {str(each["phone_number"])[-2:]: each for each in [*world.contacts(batch_id), *victims]}
    tokens = (world.stack.token, foreign_token)
    return Night(world=world, provider=provider, batch_id=batch_id, contacts=contacts, tokens=tokens)


def _call(api: ApiClient, numbers: list[str]) -> str:
    campaign = api.create_campaign(
        {
            "name": "a hostile night",
            "agent_id": "agent_test",
            "phone_numbers": [CALLER],
            "retry_policy": {
                "max_retries": MAX_RETRIES,
                "cooldown_minutes": 0.02,
                "retry_on": list(RETRY_ON),
            },
            "default_call_variables": {"clinic": "Lakeside"},
        }
    )
    lines = ("phone_number,callee_name", *(f"{number},{CALLEE}" for number in numbers))
    fields = {"campaign_id": campaign["campaign_id"], "concurrency_limit": len(numbers)}
    batch = api.create_batch(fields, io.BytesIO("\n".join(lines).encode()))
    return str(batch["batch_id"])
