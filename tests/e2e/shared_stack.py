"""One stack for all files of a folder: each has an organization of its own, and telephones without a past.

The folder's `conftest.py` takes over `shared_stack`, and xdist gives all its files to one process.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from itertools import count

import httpx
import pytest

from domain.identity import OrganizationId
from domain.ports import NewToken
from embedded.processes import Command
from embedded.readiness import answers_ok, api_and_worker_ready
from embedded.stack_commands import StackCommands
from embedded.tokens import create_token
from tests.e2e.world import World, a_fresh_world

_PARTS = ("postgres", "temporal", "simulator", "worker", "api")
_CALLS_END_SECONDS = 4
"""Longer calls are cut off with their simulator."""
_organizations = count(1)


class SharedStack:
    """A running stack, lent to one file after the other."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._stack = world.stack

    @contextmanager
    def lent(
        self, *, talk_seconds: float = 0.3, simulator_arguments: tuple[str, ...] = ()
    ) -> Iterator[World]:
        """Yield it whole and quiet, to an organization without rows, with a simulator of this kind."""
        self._have(self._simulator(talk_seconds, simulator_arguments))
        self._become_whole()
        self._world.empty_ledger()
        with self._a_client() as client:
            try:
                yield client
            finally:
                self._become_whole()
                self._become_quiet(client)

    @contextmanager
    def _a_client(self) -> Iterator[World]:
        stack, organization = copy(self._stack), OrganizationId(f"org_{next(_organizations)}")
        _, stack.token = create_token(stack.database_url, organization, NewToken(name="tests"))
        client = World(stack, self._world.beside)
        with client.api:
            yield client

    def _simulator(self, talk_seconds: float, arguments: tuple[str, ...]) -> Command:
        plan, stack = self._stack.plan, self._stack
        sim = plan.settings.sim.model_copy(update={"talk_seconds": talk_seconds})
        settings = plan.settings.model_copy(update={"sim": sim})
        told = replace(plan, settings=settings, simulator_arguments=arguments)
        address = stack.temporal_address
        return StackCommands(told, database_url=stack.database_url, temporal_address=address).simulator()

    def _become_whole(self) -> None:
        """Stop what a test left beside the stack or in a part's place, and start what it left dead."""
        plan, parts = self._stack.plan, self._stack.parts
        assert parts is not None
        for part in self._world.living():
            if part.name not in _PARTS:
                part.stop()
        self._have(parts.api())
        self._have(parts.worker())
        with httpx.Client(timeout=2, trust_env=False) as client:
            simulator = f"{plan.simulator_url}/healthz"
            self._world.wait_for(lambda: answers_ok(client, simulator) is None, 30)
            self._world.wait_for(lambda: api_and_worker_ready(client, plan.api_url) is None, 60)

    def _become_quiet(self, client: World) -> None:
        """Call nobody any more, and let no call go on."""
        for campaign in client.api.campaigns():
            client.ask("POST", f"/campaigns/{campaign['campaign_id']}/cancel")
        try:
            client.wait_for(lambda: client.ledger()["live"] == 0, _CALLS_END_SECONDS)
        except TimeoutError:
            self._stop("simulator")

    def _have(self, command: Command) -> None:
        """Have a part run by this command and by no other."""
        if [part.command for part in self._world.living() if part.name == command.name] != [command]:
            self._stop(command.name)
            self._world.start(command)

    def _stop(self, name: str) -> None:
        for part in self._world.living():
            if part.name == name:
                part.stop()


@pytest.fixture(scope="package")
def shared_stack() -> Iterator[SharedStack]:
    """The stack of all files of a folder."""
    with a_fresh_world() as world:
        yield SharedStack(world)
