"""The whole of Apollo on one machine: started in order, watched, and stopped in reverse order."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import httpx

from embedded.data_folder import held, kept_token
from embedded.database import OwnDatabase, own_postgres
from embedded.errors import DatabaseDied, PartDied
from embedded.listening import refuse_taken_ports
from embedded.parts import Parts
from embedded.plan import StackPlan
from embedded.processes import ChildProcess, Command
from embedded.readiness import Probe, Wait, answers_ok, api_and_worker_ready, wait_until_ready
from embedded.stop_request import StopRequest, StopRequested
from embedded.temporal import TemporalPlan, TemporalServer
from embedded.tokens import register_token
from store.migrations import upgrade

Say = Callable[[str], None]
"""Tells the person at the terminal one line."""

_READY_SECONDS = 30.0
_BETWEEN_LOOKS_SECONDS = 0.3
_POSTGRES = "postgres"


class RunningStack:
    """What runs, and where it is found. Built part by part by `running`."""

    def __init__(self, plan: StackPlan, stop: StopRequest, say: Say) -> None:
        """Nothing runs yet."""
        self.plan = plan
        self.token = ""
        self.temporal_address = plan.settings.temporal_address or ""
        self.temporal_ui_url: str | None = None
        self.children: list[ChildProcess] = []
        self.parts: Parts | None = None
        self.database: OwnDatabase | None = None
        self._stop = stop
        self._say = say
        self._ending = ExitStack()
        self._client = httpx.Client(timeout=2, trust_env=False)

    def begin(self) -> None:
        """Start every part; `end` must follow, also when this raises.

        Raises EmbeddedError with nothing left running after `end`, StopRequested.
        """
        plan = self.plan
        self._ending.enter_context(held(plan.settings.data_dir))
        refuse_taken_ports(plan.wanted_ports())
        database_url = self._open_database()
        self._start_temporal()
        self.parts = Parts(plan, database_url=database_url, temporal_address=self.temporal_address)
        if plan.owns_simulator:
            self._start(self.parts.simulator())
            self._wait("simulator", partial(answers_ok, self._client, f"{plan.simulator_url}/healthz"))
        self._start(self.parts.worker())
        self._start(self.parts.api())
        self._wait("API with its worker", partial(api_and_worker_ready, self._client, plan.api_url))

    def watch(self) -> bool:
        """Return when a stop is wished: True when every part was still alive then."""
        down: set[str] = set()
        while True:
            try:
                self._stop.pause(_BETWEEN_LOOKS_SECONDS)
            except StopRequested:
                return not down
            for child in self._fallen():
                if child.name not in down:
                    down.add(child.name)
                    self._tell_of_fall(child)
            if self._lost_database() and _POSTGRES not in down:
                down.add(_POSTGRES)
                self._tell_of_lost_database()

    def pause(self, seconds: float) -> None:
        """Sleep beside the stack. Raises StopRequested, and DatabaseDied or PartDied when a part ended."""
        self._stop.pause(seconds)
        if self.database is not None and self._lost_database():
            raise DatabaseDied(self.database.log_path)
        for child in self._fallen():
            raise PartDied(child.name, child.exit_code or 0, child.log_path)

    def adopt(self, child: ChildProcess) -> None:
        """Watch a part that was started by hand, and stop it with the others."""
        self._ending.callback(child.stop)
        self.children.append(child)

    def _fallen(self) -> list[ChildProcess]:
        """Return the parts that ended although nobody asked them to."""
        return [child for child in self.children if child.exit_code is not None]

    def end(self) -> None:
        """Stop every part, the last started first; nothing is left when it returns."""
        self._ending.close()
        self._client.close()

    def _open_database(self) -> str:
        plan = self.plan
        if plan.settings.database_url is not None:
            database_url = plan.settings.database_url.get_secret_value()
        else:
            self._say("Starting Postgres …")
            self.database = self._ending.enter_context(own_postgres(plan.settings.data_dir))
            database_url = self.database.url
        self._stop.check()
        upgrade(database_url)
        given = plan.settings.bootstrap_token
        self.token = given.get_secret_value() if given else kept_token(plan.settings.data_dir)
        register_token(database_url, plan.settings.bootstrap_organization, self.token)
        self._stop.check()
        return database_url

    def _start_temporal(self) -> None:
        plan, settings = self.plan, self.plan.settings
        if not plan.owns_temporal:
            return
        server = TemporalServer(
            TemporalPlan(
                port=settings.temporal_port,
                ui_port=settings.temporal_ui_port,
                data_dir=settings.data_dir,
                namespace=settings.temporal_namespace,
            ),
            plan.environment,
        )
        self._start(server.command())
        self._wait("Temporal", partial(server.probe, self._client))
        self.temporal_address = server.address
        self.temporal_ui_url = server.ui_url

    def _start(self, command: Command) -> None:
        self._say(f"Starting {command.name} …")
        child = ChildProcess(command, self.plan.log_dir)
        self._ending.callback(child.stop)
        self.children.append(child)

    def _wait(self, name: str, probe: Probe) -> None:
        wait_until_ready(
            Wait(name=name, probe=probe, seconds=_READY_SECONDS, children=self.children), self._stop
        )

    def _lost_database(self) -> bool:
        return self.database is not None and not self.database.is_alive()

    def _tell_of_lost_database(self) -> None:
        log_path = self.database.log_path if self.database is not None else self.plan.log_dir
        self._say(f"{_POSTGRES} is down: it ended by itself; see {log_path}")
        self._say("Nothing is lost, and nothing goes on without it: stop with Ctrl-C, then start again.")

    def _tell_of_fall(self, child: ChildProcess) -> None:
        self._say(f"{child.name} is down: it ended with exit code {child.exit_code}; see {child.log_path}")
        self._say("The other parts keep running. Start it by hand in another terminal:")
        if self.parts is not None:
            self._say(self.parts.by_hand(child.command))


@contextmanager
def running(plan: StackPlan, stop: StopRequest, say: Say) -> Iterator[RunningStack]:
    """Run a stack for the length of a `with` block. Raises EmbeddedError, StopRequested."""
    stack = RunningStack(plan, stop, say)
    try:
        stack.begin()
        yield stack
    finally:
        stack.end()
