"""How each blow is struck, and what is asked of the stack meanwhile."""

import random
import subprocess
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import httpx
import psutil

from tests.e2e.operators.test_operator_signals import WRONG_SIGNALS
from tests.hostile.blows import frozen
from tests.storms.crowd import COOLDOWN_MINUTES, FINAL, MAX_RETRIES, WAITING, Crowd
from tests.storms.link import CALM, Weather
from tests.storms.plan import Blow, Kind
from tests.storms.post import Post
from tests.storms.reckoning import Deaths
from tests.storms.stack import StormHouse

_WEATHERS: Mapping[Kind, Weather] = {
    Kind.SLOW: Weather(delay=0.4),
    Kind.LOSSY: Weather(loss=0.33),
    Kind.CUT: Weather(is_cut=True),
    Kind.HOLE: Weather(is_hole=True),
}
_RIGHT_SIGNALS = ("pause", "resume", "dispatch", "policy_changed", "resume")
_SIGNALS_AT_ONCE, _REPEATS_AT_ONCE, _SKIPS_AT_ONCE = 4, 4, 5
_APPENDED, _BROUGHT = 8, 10


class Striker:
    """Strikes one world, whose crowd goes on asking."""

    def __init__(self, world: StormHouse, crowd: Crowd, deaths: Deaths) -> None:
        self._world, self._crowd, self._deaths = world, crowd, deaths
        self._people = ThreadPoolExecutor(8, thread_name_prefix="crowd")
        self._how: Mapping[Kind, Callable[[Blow, random.Random], None]] = {
            Kind.KILL: self._kill,
            Kind.FREEZE: self._freeze,
            **dict.fromkeys(_WEATHERS, self._blow_over_a_line),
            Kind.WEBHOOKS: self._delay_webhooks,
            Kind.DISK: self._fill_the_disk,
            Kind.CLOCK: self._set_a_clock,
            Kind.PAUSE: self._pause,
            Kind.WINDOW: self._close_the_window,
            Kind.SIGNAL: self._signal,
            Kind.APPEND: self._append,
            Kind.SKIP: self._skip,
            Kind.REQUEUE: self._requeue,
            Kind.CANCEL: self._cancel,
            Kind.CHANGE: self._change,
            Kind.REPEAT: self._repeat,
        }

    def strike(self, blow: Blow) -> None:
        """Strike, and return when that is over: all is well again but for what it led to."""
        self._how[blow.kind](blow, random.Random(blow.seed))

    def close(self) -> None:
        self._people.shutdown()

    # Parts and lines.

    def _kill(self, blow: Blow, _: random.Random) -> None:
        if blow.target == "simulator":
            self._deaths.about_to_die(self._world)
        self._world.kill_part(blow.target)

    def _freeze(self, blow: Blow, _: random.Random) -> None:
        child = self._world.stack.process_of(blow.target)
        if child.exit_code is None:
            with suppress(psutil.NoSuchProcess, ProcessLookupError), frozen(child.pid):
                time.sleep(blow.seconds)

    def _blow_over_a_line(self, blow: Blow, _: random.Random) -> None:
        link = self._world.lines.links[blow.target]
        link.set(_WEATHERS[blow.kind])
        time.sleep(blow.seconds)
        link.set(CALM)

    def _delay_webhooks(self, blow: Blow, _: random.Random) -> None:
        self._world.lines.post.habit = Post(blow.target)
        time.sleep(blow.seconds)
        self._world.lines.post.habit = Post.PLAIN

    def _fill_the_disk(self, blow: Blow, _: random.Random) -> None:
        self._world.disk.fill()
        time.sleep(blow.seconds)
        self._world.disk.clear()

    def _set_a_clock(self, blow: Blow, _: random.Random) -> None:
        clock = self._world.stack.clocks[blow.target]
        clock.set(blow.wrong_by)
        time.sleep(blow.seconds)
        clock.set(0)

    # What people and operators do.

    def _pause(self, blow: Blow, chance: random.Random) -> None:
        crowd = self._crowd
        noun, what = ("batches", crowd.batches) if blow.target == "batch" else ("campaigns", crowd.campaigns)
        path = f"/{noun}/{chance.choice(what)}"
        with crowd.holding:
            answer = crowd.ask("POST", f"{path}/pause")
            since = datetime.now(UTC)
            time.sleep(blow.seconds)
            if self._worked(answer) and self._stands(path, "status", "paused"):
                crowd.hold(blow.target, path.rpartition("/")[2], since)
            crowd.let_go("POST", f"{path}/resume")

    def _close_the_window(self, blow: Blow, _: random.Random) -> None:
        crowd, today = self._crowd, datetime.now(UTC).date()
        path = f"/campaigns/{crowd.campaigns[0]}"
        closed = [f"{today + timedelta(days=each)}" for each in (0, 1)]
        with crowd.holding:
            answer = crowd.ask("PATCH", path, {"blackout_dates": closed})
            since = datetime.now(UTC)
            time.sleep(blow.seconds)
            if self._worked(answer) and self._stands(path, "blackout_dates", closed):
                crowd.hold("campaign", crowd.campaigns[0], since)
            crowd.let_go("PATCH", path, {"blackout_dates": []})

    def _stands(self, path: str, name: str, value: object) -> bool:
        """Tell whether nobody has changed it meanwhile, as far as that can be found out."""
        answer = self._crowd.ask("GET", path)
        return self._worked(answer) and answer is not None and answer.json()[name] == value

    def _worked(self, answer: httpx.Response | None) -> bool:
        return answer is not None and answer.is_success

    def _signal(self, _: Blow, chance: random.Random) -> None:
        with self._crowd.holding:
            for _turn in range(_SIGNALS_AT_ONCE):
                workflow = f"batch/{chance.choice(self._crowd.batches)}"
                name, inputs = chance.choice([*WRONG_SIGNALS, *((each, ()) for each in _RIGHT_SIGNALS)])
                with suppress(subprocess.TimeoutExpired):
                    self._world.signal(workflow, name, *inputs)

    def _append(self, _: Blow, chance: random.Random) -> None:
        batch_id = chance.choice(self._crowd.batches)
        numbers = self._crowd.people(_APPENDED)
        body = {"contacts": [{"phone_number": each} for each in numbers]}
        self._crowd.promise(f"/batches/{batch_id}/contacts", body, numbers)

    def _skip(self, _: Blow, chance: random.Random) -> None:
        """Skip people who wait, each of them twice at once."""
        batch_id = chance.choice(self._crowd.batches)
        waiting = "&".join(f"status={each}" for each in WAITING)
        answer = self._crowd.ask("GET", f"/batches/{batch_id}/contacts?{waiting}")
        if answer is None or not answer.is_success or not answer.json():
            return
        people = chance.choices([each["contact_id"] for each in answer.json()], k=_SKIPS_AT_ONCE)
        paths = [f"/batches/{batch_id}/contacts/{each}/skip" for each in people * 2]
        list(self._people.map(lambda path: self._crowd.ask("POST", path), paths))

    def _requeue(self, _: Blow, chance: random.Random) -> None:
        batch_id = chance.choice(self._crowd.batches)
        statuses = chance.sample([each for each in FINAL if each != "completed"], 3)
        self._crowd.promise(f"/batches/{batch_id}/requeue", {"statuses": statuses})

    def _cancel(self, _: Blow, chance: random.Random) -> None:
        """Cancel a batch, by several people at once; another comes in its place."""
        self._crowd.bring_batch(self._crowd.campaigns[0], _BROUGHT)
        batch_id = chance.choice(self._crowd.batches)
        path = f"/batches/{batch_id}/cancel"
        answers = list(self._people.map(lambda _: self._crowd.ask("POST", path), range(3)))
        if any(each is not None and each.is_success for each in answers):
            self._crowd.cancelled.add(batch_id)

    def _change(self, _: Blow, chance: random.Random) -> None:
        policy = {"max_retries": MAX_RETRIES, "cooldown_minutes": COOLDOWN_MINUTES * chance.randint(1, 4)}
        self._crowd.ask(
            "PATCH", f"/campaigns/{chance.choice(self._crowd.campaigns)}", {"retry_policy": policy}
        )
        batch_id = chance.choice(self._crowd.batches)
        self._crowd.ask("PATCH", f"/batches/{batch_id}", {"name": f"renamed {chance.random()}"})

    def _repeat(self, _: Blow, chance: random.Random) -> None:
        """Have several people at once send a request that was sent before, and another one."""
        asked = [
            chance.choice(self._crowd.promised),
            self._crowd.bring_batch(self._crowd.campaigns[0], _BROUGHT),
        ]
        turns = asked * _REPEATS_AT_ONCE
        list(self._people.map(lambda each: self._crowd.settle(each, tries=1), turns))
