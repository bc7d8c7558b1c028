"""The whole of Apollo on one machine: started in order, watched, and stopped in reverse order."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import NoReturn

import httpx

from embedded.data_folder import held, kept_token
from embedded.database import embedded_postgres, publish
from embedded.listening import refuse_taken_ports
from embedded.plan import StackPlan
from embedded.processes import ChildProcess
from embedded.readiness import Wait, answers_ok, api_and_worker_ready, wait_until_ready
from embedded.stack_commands import StackCommands
from embedded.stop_request import StopRequest
from embedded.supervisor import Part, Say, Supervisor
from embedded.temporal import TemporalPlan, TemporalServer
from embedded.tokens import register_token
from store.migrations import upgrade
from workflows.names import STORE_QUEUE

_READY_SECONDS = 60.0
_RECOVERY_SECONDS = 120.0
"""After a power cut Postgres replays its log before it answers."""
_BETWEEN_LOOKS_SECONDS = 60.0
_TEMPORAL = "temporal"


class RunningStack:
    """What runs, and where it is found. Built part by part by `running`."""

    def __init__(self, plan: StackPlan, stop: StopRequest, say: Say) -> None:
        """Nothing runs yet."""
        self.plan = plan
        self.token = ""
        self.database_url = ""
        self.temporal_address = plan.settings.temporal_address or ""
        self.temporal_ui_url: str | None = None
        self.parts: StackCommands | None = None
        self.supervisor = Supervisor(plan.log_dir, stop, say)
        self._stop = stop
        self._ending = ExitStack()
        self._client = httpx.Client(timeout=2, trust_env=False)

    @property
    def children(self) -> list[ChildProcess]:
        """The present process of every part."""
        return self.supervisor.children

    def begin(self) -> None:
        """Start every part; `end` must follow, also when this raises.

        Raises EmbeddedError with nothing left running after `end`, StopRequested.
        """
        plan = self.plan
        self._ending.enter_context(held(plan.settings.data_dir))
        refuse_taken_ports(plan.wanted_ports())
        self._open_database()
        server = self._start_temporal()
        self.parts = StackCommands(
            plan, database_url=self.database_url, temporal_address=self.temporal_address
        )
        if plan.owns_simulator:
            self._start(self._simulator(self.parts))
        self._start(self._worker(self.parts, server), self._api(self.parts))
        if plan.has_console:
            self._start(self._console(self.parts))
        self._wait_until_whole()

    def watch(self) -> NoReturn:
        """Keep every part alive until a stop is requested. Raises StopRequested, PartKeepsDying."""
        while True:
            self.pause(_BETWEEN_LOOKS_SECONDS)

    def pause(self, seconds: float) -> None:
        """Sleep, and keep every part alive meanwhile. Raises StopRequested, PartKeepsDying."""
        self.supervisor.pause(seconds)

    def end(self) -> None:
        """Stop every part, the last started first; nothing is left when it returns."""
        self._ending.close()
        self._client.close()

    def _open_database(self) -> None:
        settings = self.plan.settings
        if settings.database_url is not None:
            self._ending.callback(self.supervisor.end)
            self.database_url = settings.database_url.get_secret_value()
        else:
            self.database_url = self._start_postgres()
        self._stop.check()
        upgrade(self.database_url)
        given = settings.bootstrap_token
        self.token = given.get_secret_value() if given else kept_token(settings.data_dir)
        register_token(self.database_url, settings.bootstrap_organization, self.token)
        self._stop.check()

    def _start_postgres(self) -> str:
        data_dir = self.plan.settings.data_dir
        server = embedded_postgres(data_dir)
        server.open()
        self._ending.callback(server.close)
        # Entered after the folder, so that it is given back by a server that has ended.
        self._ending.callback(self.supervisor.end)
        self._start(
            Part(
                command=server.command(self.plan.environment),
                probe=lambda _: server.probe(),
                ready_seconds=_RECOVERY_SECONDS,
                clear=server.clear,
            )
        )
        return publish(server, data_dir)

    def _start_temporal(self) -> TemporalServer | None:
        plan, settings = self.plan, self.plan.settings
        if not plan.owns_temporal:
            return None
        server = TemporalServer(
            TemporalPlan(
                port=settings.temporal_port,
                ui_port=settings.temporal_ui_port,
                data_dir=settings.data_dir,
                namespace=settings.temporal_namespace,
            ),
            plan.environment,
        )
        self._start(Part(command=server.command(), probe=lambda _: server.probe(self._client)))
        self.temporal_address = server.address
        self.temporal_ui_url = server.ui_url
        return server

    def _simulator(self, parts: StackCommands) -> Part:
        url = f"{self.plan.simulator_url}/healthz"
        return Part(command=parts.simulator(), probe=lambda _: answers_ok(self._client, url))

    def _worker(self, parts: StackCommands, server: TemporalServer | None) -> Part:
        def probe(child: ChildProcess) -> str | None:
            # Of another Temporal server it is not known who polls there.
            is_ready = server is None or server.polls(self._client, STORE_QUEUE, child.pid)
            return None if is_ready else "it asks for no work"

        return Part(command=parts.worker(), probe=probe, needs=(_TEMPORAL,))

    def _api(self, parts: StackCommands) -> Part:
        # It answers this also while database and Temporal are away, which it starts without.
        url = f"{self.plan.api_url}/healthz"
        return Part(command=parts.api(), probe=lambda _: answers_ok(self._client, url))

    def _console(self, parts: StackCommands) -> Part:
        url = f"{self.plan.settings.web_url}/healthz"
        command = parts.console(temporal_ui_url=self.temporal_ui_url)
        return Part(command=command, probe=lambda _: answers_ok(self._client, url))

    def _start(self, *parts: Part) -> None:
        """Start parts beside each other, and return when all are ready."""
        for part in parts:
            self.supervisor.start(part)
        for part in parts:
            self.supervisor.wait_until_ready(part.command.name)

    def _wait_until_whole(self) -> None:
        """Return when the API says that everything it works with is there."""
        wait_until_ready(
            Wait(
                name="API with its worker",
                probe=partial(api_and_worker_ready, self._client, self.plan.api_url),
                seconds=_READY_SECONDS,
                children=self.children,
            ),
            self._stop,
        )


@contextmanager
def running(plan: StackPlan, stop: StopRequest, say: Say) -> Iterator[RunningStack]:
    """Run a stack for the length of a `with` block. Raises EmbeddedError, StopRequested."""
    stack = RunningStack(plan, stop, say)
    try:
        stack.begin()
        yield stack
    finally:
        stack.end()
