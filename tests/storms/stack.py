"""A stack whose parts reach each other over lines that can be struck, and that is supervised in a thread."""

import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from pydantic import SecretStr
from sqlalchemy import make_url

from embedded.listening import free_ports
from embedded.plan import StackPlan
from embedded.postgres import PORT
from embedded.processes import ChildProcess
from embedded.restarts import Restarts
from embedded.stack import RunningStack
from embedded.stack_commands import StackCommands
from embedded.stop_request import StopRequest, StopRequested
from embedded.supervisor import Part
from embedded.temporal import TemporalServer
from tests.e2e.world import World, a_plan
from tests.storms.link import Link, Loop
from tests.storms.post import PostOffice
from tests.storms.small_disk import SmallDisk
from tests.storms.wrong_clock import WrongClock, build

STARTS_WITHIN_SECONDS = 120
TALK_SECONDS = 1.0
SIGNED_WITH = "storms-sign-their-webhooks-with-this"
TOLD: Mapping[str, str] = {
    "APOLLO_WEBHOOK_SECRET": SIGNED_WITH,
    # So that a call that nobody can find is given up while somebody still waits for the end.
    "APOLLO_RING_TIMEOUT_SECONDS": "10",
    "APOLLO_MAX_CALL_SECONDS": "30",
}
WITH_CLOCKS = ("worker", "api")
"""Parts whose wall clock can be set wrong. The database's is right: it decides."""


class Lines:
    """Everything that stands between the parts."""

    def __init__(self, plan: StackPlan, seed: int) -> None:
        """Open what can be opened before anything runs."""
        self.loop = Loop()
        self._seed = seed
        self._ports = list(free_ports(6))
        self.links: dict[str, Link] = {}
        self.post = PostOffice(self.loop, self._ports.pop(), plan.api_url, seed)
        self.lead("worker-provider", plan.settings.sim.port)

    def lead(self, name: str, target: int | str) -> Link:
        """Open a line."""
        self.links[name] = Link(self.loop, self._ports.pop(), target, self._seed)
        return self.links[name]

    def close(self) -> None:
        """Close every line."""
        for each in self.links.values():
            each.close()
        self.post.close()
        self.loop.close()


class StormyStack(RunningStack):
    """The stack of `apollo up`, but that worker and API reach the others over lines."""

    def __init__(self, plan: StackPlan, stop: StopRequest, lines: Lines) -> None:
        super().__init__(plan, stop, self._hear)
        self.lines = lines
        self.said: list[str] = []
        data_dir = plan.settings.data_dir
        library = build(data_dir)
        self.clocks = {each: WrongClock(data_dir / f"{each}.clock", library) for each in WITH_CLOCKS}

    def _hear(self, line: str) -> None:
        self.said.append(line)

    def forgive(self) -> None:
        """Forget how often parts died: their deaths are no sign that they are broken."""
        for each in self.supervisor._parts.values():
            each.restarts = Restarts()

    def process_of(self, part: str) -> ChildProcess:
        """Return the present process of a part."""
        [child] = [each for each in self.children if each.name == part]
        return child

    def _open_database(self) -> None:
        super()._open_database()
        address = make_url(self.database_url)
        socket = Path(str(address.query["host"])) / f".s.PGSQL.{PORT}"
        for part in WITH_CLOCKS:
            self.lines.lead(f"{part}-postgres", str(socket))

    def _start_temporal(self) -> TemporalServer | None:
        server = super()._start_temporal()
        for part in WITH_CLOCKS:
            self.lines.lead(f"{part}-temporal", self.plan.settings.temporal_port)
        return server

    def _worker(self, parts: StackCommands, server: TemporalServer | None) -> Part:
        return self._over_lines(super()._worker(parts, server))

    def _api(self, parts: StackCommands) -> Part:
        return self._over_lines(super()._api(parts))

    def _over_lines(self, part: Part) -> Part:
        name, links = part.command.name, self.lines.links
        database = make_url(self.database_url)
        user, port = quote(database.username or ""), links[f"{name}-postgres"].port
        told = {
            "APOLLO_DATABASE_URL": f"postgresql+psycopg://{user}@127.0.0.1:{port}/{database.database}"
            "?sslmode=disable&gssencmode=disable",
            "APOLLO_TEMPORAL_ADDRESS": f"127.0.0.1:{links[f'{name}-temporal'].port}",
            "APOLLO_SIM_PORT": str(links["worker-provider"].port),
            "APOLLO_WEBHOOK_URL": self.lines.post.url,
            **self.clocks[name].environment,
        }
        command = replace(part.command, environment={**part.command.environment, **told})
        return replace(part, command=command)


class StackThread:
    """Runs a stack in a thread that outlives its parts, for they die with the thread that started them."""

    def __init__(self, stack: StormyStack, stop: StopRequest) -> None:
        self._stack, self._stop = stack, stop
        self.error: BaseException | None = None
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stack")
        self._thread.start()

    def _run(self) -> None:
        try:
            self._stack.begin()
            self._is_up.set()
            self._stack.watch()
        except StopRequested:
            pass
        except BaseException as error:  # noqa: BLE001 - told to whoever waits for the stack
            self.error = error
        finally:
            self._is_up.set()
            self._stack.end()

    def wait_until_up(self) -> None:
        """Return once the stack is whole. Raises EmbeddedError."""
        self._is_up.wait(STARTS_WITHIN_SECONDS)
        self.check()

    def check(self) -> None:
        """Raise what ended the stack, if something did."""
        if self.error is not None:
            raise self.error
        if not self._is_up.is_set():
            raise TimeoutError("the stack did not start")

    def end(self) -> None:
        """Stop everything and wait for it."""
        self._stop.is_raised = True
        self._thread.join()


class StormHouse(World):
    """A world that can be struck."""

    stack: StormyStack

    def __init__(self, stack: StormyStack, disk: SmallDisk, thread: StackThread) -> None:
        super().__init__(stack)
        self.disk, self._thread = disk, thread

    @property
    def lines(self) -> Lines:
        """What stands between the parts."""
        return self.stack.lines

    def check(self) -> None:
        """Raise what ended the stack, if something did."""
        self._thread.check()

    def kill_part(self, part: str) -> bool:
        """Kill a part with -9; its supervisor starts it again. False when it is down already."""
        child = self.stack.process_of(part)
        if child.exit_code is not None:
            return False
        os.kill(child.pid, signal.SIGKILL)
        return True


@contextmanager
def a_stormy_world(seed: int) -> Iterator[StormHouse]:
    """Run a stack in a folder of its own, which is removed at the end. Raises EmbeddedError."""
    folder = Path(tempfile.mkdtemp(prefix="apollo-storm-")).resolve()
    folder.chmod(0o755)  # under root the database server runs as another user
    with ExitStack() as ending:
        ending.callback(shutil.rmtree, folder, ignore_errors=True)
        plan = a_plan(folder, talk_seconds=TALK_SECONDS, environment=TOLD)
        signed = plan.settings.model_copy(update={"webhook_secret": SecretStr(SIGNED_WITH)})
        plan = replace(plan, settings=signed)
        disk = SmallDisk(folder / "postgres")
        ending.callback(disk.close)
        lines = Lines(plan, seed)
        ending.callback(lines.close)
        stop = StopRequest()
        stack = StormyStack(plan, stop, lines)
        thread = StackThread(stack, stop)
        ending.callback(thread.end)
        thread.wait_until_up()
        world = StormHouse(stack, disk, thread)
        with world.api:
            yield world
