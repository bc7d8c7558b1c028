"""A worker that kills itself with -9 at a chosen step of the first dial that comes there.

It leaves the id of the contact whose dial that was in a file:
`python -m tests.e2e.mortal_worker --dies STEP --victim FILE`.
"""

import asyncio
import os
import signal
from argparse import ArgumentParser
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.call import CallStatus, DialState, StatusEvent
from domain.identity import ContactId, ExecutionId, MintId
from domain.ports import AttemptClaim, ClaimAnswer, Claimed, TelephonyProvider
from domain.telephony import CallRequest, CallSearch, DialResult, HangUpResult
from observability.logging import configure_logs
from settings import read_settings
from store.calls.repository import PostgresCallStore
from telephony.registry import open_provider
from telephony.settings import TelephonySettings
from temporal.process_exit import leave
from worker import DialPorts, Role, serve

BETWEEN_LOOKS_SECONDS = 0.005


class Step(StrEnum):
    """A moment in the life of a dial."""

    BEFORE_THE_ROW = "before_the_row"
    AFTER_THE_ROW = "after_the_row"
    DURING_THE_REQUEST = "during_the_request"
    """The provider has the request, its answer is not there yet."""
    AFTER_THE_ANSWER = "after_the_answer"
    BEFORE_IT_IS_KEPT = "before_it_is_kept"
    AFTER_IT_IS_KEPT = "after_it_is_kept"


class Fuse:
    """Ends the process at one step."""

    def __init__(self, dies_at: Step, victim: Path) -> None:
        self.dies_at = dies_at
        self._victim = victim

    def burn(self, step: Step, contact_id: ContactId) -> None:
        """Pass a step of somebody's dial, or die at it."""
        if step is self.dies_at:
            self._victim.write_text(contact_id, encoding="utf-8")
            os.kill(os.getpid(), signal.SIGKILL)


class MortalCallStore(PostgresCallStore):
    """Loses the worker around its transactions, the ones that a dial depends on."""

    def __init__(self, engine: AsyncEngine, mint: MintId, fuse: Fuse) -> None:
        super().__init__(engine, mint)
        self._fuse = fuse
        self._claimants: dict[ExecutionId, ContactId] = {}

    async def claim_attempt(self, claim: AttemptClaim, now: datetime) -> ClaimAnswer:
        """Claim, or die around it."""
        self._fuse.burn(Step.BEFORE_THE_ROW, claim.contact_id)
        claimed = await super().claim_attempt(claim, now)
        if isinstance(claimed, Claimed) and claimed.may_ask:
            self._claimants[claimed.record.execution_id] = claim.contact_id
            self._fuse.burn(Step.AFTER_THE_ROW, claim.contact_id)
        return claimed

    async def record_dial(
        self,
        execution_id: ExecutionId,
        state: DialState,
        *,
        provider_call_id: str | None = None,
        awaited_by: str | None = None,
    ) -> CallStatus:
        """Keep the provider's answer, or die around it."""
        contact_id = self._claimants[execution_id]
        self._fuse.burn(Step.BEFORE_IT_IS_KEPT, contact_id)
        stands = await super().record_dial(
            execution_id, state, provider_call_id=provider_call_id, awaited_by=awaited_by
        )
        self._fuse.burn(Step.AFTER_IT_IS_KEPT, contact_id)
        return stands


class MortalProvider:
    """Loses the worker on the way to a provider, whose ledger tells when a request has arrived."""

    def __init__(self, provider: TelephonyProvider, fuse: Fuse, ledger_url: str) -> None:
        self._provider = provider
        self._fuse = fuse
        self._ledger_url = ledger_url

    @property
    def name(self) -> str:
        """Shown on call records."""
        return self._provider.name

    @property
    def lookup_is_proof(self) -> bool:
        """True only where *not found* proves that nothing was dialled."""
        return self._provider.lookup_is_proof

    async def acquire(self) -> timedelta:
        """Wait for a turn within the rate limit."""
        return await self._provider.acquire()

    async def place_call(self, request: CallRequest) -> DialResult:
        """Ask for a call, or die while that is under way or when it is answered."""
        asking = asyncio.create_task(self._provider.place_call(request))
        if self._fuse.dies_at is Step.DURING_THE_REQUEST:
            await self._die_while_asking(asking, request)
        result = await asking
        self._fuse.burn(Step.AFTER_THE_ANSWER, request.contact_id)
        return result

    async def get_call(self, provider_call_id: str) -> StatusEvent | None:
        """Return where a call stands."""
        return await self._provider.get_call(provider_call_id)

    async def find_calls(self, search: CallSearch) -> Sequence[StatusEvent]:
        """Return every call that may belong to the attempt."""
        return await self._provider.find_calls(search)

    async def hang_up(self, provider_call_id: str) -> HangUpResult:
        """Ask to end a call."""
        return await self._provider.hang_up(provider_call_id)

    async def check_health(self) -> str | None:
        """Ask what is wrong with the provider."""
        return await self._provider.check_health()

    async def _die_while_asking(self, asking: "asyncio.Task[DialResult]", request: CallRequest) -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            while not asking.done():
                ledger = (await client.get(self._ledger_url)).json()
                arrived = {each["execution_id"] for each in ledger["create_requests"]}
                if request.execution_id in arrived and not asking.done():
                    self._fuse.burn(Step.DURING_THE_REQUEST, request.contact_id)
                await asyncio.sleep(BETWEEN_LOOKS_SECONDS)


@asynccontextmanager
async def mortal_provider(
    settings: TelephonySettings, status_callback_url: str, *, fuse: Fuse, ledger_url: str
) -> AsyncIterator[TelephonyProvider]:
    """Open the chosen provider with the fuse in between."""
    async with open_provider(settings, status_callback_url) as provider:
        yield MortalProvider(provider, fuse, ledger_url)


def main() -> None:
    """Work until the step is reached."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--dies", type=Step, choices=list(Step), required=True)
    parser.add_argument("--victim", type=Path, required=True)
    given = parser.parse_args()
    settings = read_settings()
    configure_logs(settings.log_level, process="mortal worker")
    fuse = Fuse(given.dies, given.victim)
    ledger_url = f"{settings.sim.base_url}/ledger"
    ports = DialPorts(
        call_store=partial(MortalCallStore, fuse=fuse),
        provider=partial(mortal_provider, fuse=fuse, ledger_url=ledger_url),
    )
    asyncio.run(serve(Role.ALL, settings, ports))
    leave(0)


if __name__ == "__main__":
    main()
