"""One storm from the first batch to the reckoning."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

import httpx

from console.webhook_listener import a_listener
from tests.e2e.world import World
from tests.storms.crowd import Crowd
from tests.storms.link import CALM
from tests.storms.plan import Blow, Kind
from tests.storms.post import Post
from tests.storms.reckoning import Deaths, Reckoning
from tests.storms.stack import StormHouse
from tests.storms.striking import Striker

AT_ONCE = 3
"""Blows that last may overlap."""
BACK_WITHIN_SECONDS, OVER_WITHIN_SECONDS, QUIET_WITHIN_SECONDS = 60, 180, 90
_ENOUGH_WORK = 25
"""Unfinished contacts below which another batch is brought: an idle stack has nothing to lose."""
_BROUGHT = 20

Say = Callable[[str], None]


@dataclass
class Told:
    """What came of one storm."""

    seed: int
    blows: int = 0
    faults: list[str] = field(default_factory=list)
    calls: int = 0
    rings: int = 0
    contacts: int = 0
    batches: int = 0
    answers: Mapping[int, int] = field(default_factory=dict)
    calm_seconds: float = 0.0
    """Between the last blow and the end of the last batch."""
    megabytes: Mapping[str, int] = field(default_factory=dict)


@contextmanager
def listening(world: World) -> Iterator[dict[str, str]]:
    """Be the clients' server, and yield the types of the events it is posted, by their ids."""
    told: dict[str, str] = {}
    secret = [""]

    def hear(line: Sequence[str]) -> None:
        _, event_id, kind, verdict, _ = line
        told[event_id] = kind if verdict == "verified" else "forged"

    with a_listener(0, lambda: secret[0], hear) as server:
        thread = threading.Thread(target=server.serve_forever, name="clients' server")
        thread.start()
        try:
            made = world.api.create_webhook_endpoint({"url": f"http://127.0.0.1:{server.server_port}/"})
            secret[0] = str(made["secret"])
            yield told
        finally:
            server.shutdown()
            thread.join()


class Storm:
    """Blows upon one world, and the wait until it is quiet again."""

    def __init__(self, world: StormHouse, crowd: Crowd, deaths: Deaths, say: Say) -> None:
        self._world, self._crowd, self._deaths, self._say = world, crowd, deaths, say

    def rage(self, blows: Sequence[Blow], until: float) -> int:
        """Strike blow after blow; returns how many were struck by that time of `time.monotonic`."""
        struck = 0
        with closing(Striker(self._world, self._crowd, self._deaths)) as striker:
            with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="blow") as striking:
                under_way: dict[str, Future[None]] = {}
                for blow in blows:
                    if time.monotonic() > until:
                        break
                    time.sleep(blow.after)
                    self._before(blow, under_way)
                    under_way[_place(blow)] = striking.submit(striker.strike, blow)
                    struck += 1
            for each in under_way.values():
                each.result()
        return struck

    def _before(self, blow: Blow, under_way: Mapping[str, "Future[None]"]) -> None:
        self._world.check()
        self._world.stack.forgive()
        same = under_way.get(_place(blow))
        if same is not None:
            same.result()
        if blow.number % 5 == 0 and (self._crowd.unfinished() or 0) < _ENOUGH_WORK:
            self._crowd.bring_batch(self._crowd.campaigns[0], _BROUGHT)
        self._say(str(blow))

    def calm(self) -> None:
        """Mend whatever a blow left, and return when every part is back. Raises TimeoutError."""
        lines = self._world.lines
        for link in lines.links.values():
            link.set(CALM)
        lines.post.habit = Post.PLAIN
        self._world.disk.clear()
        for clock in self._world.stack.clocks.values():
            clock.set(0)
        self._world.wait_for(self._is_whole, BACK_WITHIN_SECONDS, every=0.5)

    def _is_whole(self) -> bool:
        self._world.check()
        try:
            url = f"{self._world.stack.plan.api_url}/readyz"
            ready = httpx.get(url, trust_env=False, timeout=5).is_success
            self._world.ledger()
        except httpx.HTTPError:
            return False
        return ready

    def finish(self) -> list[str]:
        """Let everybody be called to the end; returns what never came to one."""
        self._crowd.decide()
        self._crowd.let_everybody_finish()
        left = self._wait(lambda: not self._crowd.not_over(), OVER_WITHIN_SECONDS)
        if left:
            return [f"{each} is stuck: {self._standing(each)}" for each in self._crowd.not_over()]
        busy: Mapping[str, Callable[[], bool]] = {
            "the provider has live calls": self._has_live_calls,
            "webhooks of the provider are on their way": lambda: self._world.lines.post.kept > 0,
            "workflows run on": lambda: self._world.running_workflows("WorkflowId != 'housekeeping'") > 0,
            "events are not delivered": self._has_undelivered,
        }
        return [what for what, holds in busy.items() if self._wait_while(holds, QUIET_WITHIN_SECONDS)]

    def _wait_while(self, holds: Callable[[], bool], seconds: float) -> bool:
        """Tell whether it still holds in the end."""
        return self._wait(lambda: not holds(), seconds)

    def _wait(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Tell whether it was waited for in vain."""
        try:
            self._world.wait_for(condition, seconds, every=1)
        except TimeoutError:
            return True
        return False

    def _has_live_calls(self) -> bool:
        return bool(self._world.ledger()["live"])

    def _has_undelivered(self) -> bool:
        answer = self._world.ask("GET", "/webhook-deliveries?state=pending&limit=1")
        return not answer.is_success or bool(answer.json())

    def _standing(self, batch_id: str) -> str:
        batch, debug = (self._world.ask("GET", f"/batches/{batch_id}{path}") for path in ("", "/debug"))
        told = debug.json()
        shown = {
            name: told.get(name) for name in ("diagnosis", "warnings", "workflow", "capacity", "dispatcher")
        }
        counters = {name: number for name, number in batch.json()["counters"].items() if number}
        return json.dumps({"status": batch.json()["status"], "counters": counters, **shown})


def _place(blow: Blow) -> str:
    """Return where a blow falls: two at once would undo each other there."""
    return blow.kind if blow.kind is Kind.WEBHOOKS or not blow.target else blow.target


@dataclass
class Sky:
    """A world, what is known of it over all its storms, and who is told of each blow."""

    world: StormHouse
    told: Mapping[str, str]
    """The events that the clients' server was posted."""
    say: Say
    deaths: Deaths = field(default_factory=Deaths)

    def storm(self, seed: int, blows: Sequence[Blow], until: float) -> Told:
        """Let one storm pass, and return what came of it."""
        with closing(Crowd(self.world, seed)) as crowd:
            crowd.arrive()
            storm = Storm(self.world, crowd, self.deaths, self.say)
            came = Told(seed=seed, blows=storm.rage(blows, until))
            calm_since = time.monotonic()
            storm.calm()
            came.faults = storm.finish()
            came.calm_seconds = time.monotonic() - calm_since
            self._reckon(came, crowd)
        return came

    def _reckon(self, came: Told, crowd: Crowd) -> None:
        reckoning = Reckoning(self.world, crowd, self.deaths, self.told)
        came.faults += reckoning.faults()
        came.calls, came.rings = len(reckoning.calls), len(reckoning.rings)
        came.contacts = sum(map(len, reckoning.contacts.values()))
        came.batches, came.answers = len(crowd.batches), crowd.answers
        came.megabytes = reckoning.megabytes()
