"""A stack that somebody else runs, for the commands that operators type; named by `OPERATED_…` variables."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from urllib.parse import urlsplit

from embedded.listening import LOOPBACK
from embedded.plan import StackPlan
from embedded.stack import RunningStack
from embedded.stop_request import StopRequest
from settings import ProviderName, Settings
from telephony.simulator.settings import SimulatorSettings
from tests.e2e.world import World, a_fresh_world

NAMES = (
    "OPERATED_API_URL",
    "OPERATED_API_TOKEN",
    "OPERATED_TEMPORAL_ADDRESS",
    "OPERATED_SIMULATOR_URL",
)


@contextmanager
def an_operated_world(environment: Mapping[str, str] = os.environ) -> Iterator[World]:
    """Yield the stack that the environment names, else one of our own; calls are ten minutes long in both.

    Raises KeyError where only some of the variables are set: nobody else's stack is operated by mistake.
    """
    if not any(name in environment for name in NAMES):
        with a_fresh_world(talk_seconds=600) as world:
            yield world
        return
    stack = _stack_at(*(environment[name] for name in NAMES))
    with ExitStack() as ending:
        ending.callback(stack.end)
        world = ending.enter_context(closing(World(stack)))
        ending.enter_context(world.api)
        yield world


def _stack_at(api_url: str, token: str, temporal_address: str, simulator_url: str) -> RunningStack:
    """Return a stack none of whose parts is ours to start or stop."""
    api, simulator = urlsplit(api_url), urlsplit(simulator_url)
    settings = Settings.model_construct(
        api_host=api.hostname or LOOPBACK,
        api_port=api.port or 80,
        temporal_address=temporal_address,
        provider=ProviderName.ROTARY,
        sim=SimulatorSettings(port=simulator.port or 80),
    )
    plan = StackPlan(settings=settings, environment={}, working_dir=settings.data_dir)
    stack = RunningStack(plan, StopRequest(), lambda _: None)
    stack.token = token
    return stack
