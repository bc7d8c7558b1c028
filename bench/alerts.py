"""Brings faults about on a real stack and says which alerts fire: `python -m bench.alerts`; needs prometheus.

The rules are those of `deploy/prometheus`, with every length of time cut to seconds. First a healthy batch
runs, of which nothing may fire; then one fault after the other lasts until its alerts have fired, and ends.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

from pydantic import SecretStr

from bench.alert_faults import FAULTS, Fault, alerts_of, call_people
from bench.trace_picture import quick_plan
from embedded.listening import free_ports
from embedded.plan import StackPlan
from embedded.stack import RunningStack, running
from embedded.stop_request import StopRequest
from temporal.process_exit import leave

RULES = Path(__file__).resolve().parents[1] / "deploy/prometheus/apollo.rules.yml"
SECONDS = {"1m": "9s", "2m": "12s", "5m": "12s", "10m": "12s", "15m": "20s", "45m": "60s"}
LATE = {"> 600 ": "> 10 "}
"""How late contacts may be, in seconds."""
SECRET = "whsec_of_a_test_of_alerts"  # noqa: S105 - of this stack alone
WAIT_SECONDS = 100
HEALTHY_SECONDS = 75
"""As long as the longest rule looks back."""
FIRST_SCRAPES_SECONDS = 15
"""Until then nobody is known to answer."""
_OPENER = build_opener(ProxyHandler({}))


@dataclass
class Watch:
    """A stack with a Prometheus beside it."""

    stack: RunningStack
    url: str

    def firing(self) -> set[str]:
        """Return the alerts that fire now."""
        with _OPENER.open(f"{self.url}/api/v1/alerts", timeout=20) as answer:
            return alerts_of(answer.read())

    def seconds_until(self, holds: Callable[[], bool]) -> float | None:
        """Return how long it took until something held, None when it never did."""
        begin = time.monotonic()
        while time.monotonic() < begin + WAIT_SECONDS:
            if holds():
                return time.monotonic() - begin
            time.sleep(0.5)
        return None


@dataclass
class Seen:
    """What came of a fault."""

    fault: Fault
    fired_after: dict[str, float]
    besides: set[str]
    quiet_after: float | None

    @property
    def is_as_it_should_be(self) -> bool:
        return set(self.fired_after) == set(self.fault.alerts) and self.quiet_after is not None

    def __str__(self) -> str:
        fired = ", ".join(f"{each} {self._told(each)}" for each in self.fault.alerts)
        quiet = "NOT QUIET" if self.quiet_after is None else f"quiet {self.quiet_after:.0f} s"
        return f"{self.fault.what}: {fired}; besides {sorted(self.besides) or 'nothing'}; {quiet} after"

    def _told(self, alert: str) -> str:
        took = self.fired_after.get(alert)
        return "DID NOT FIRE" if took is None else f"fired after {took:.0f} s"


def hurried(rules: str) -> str:
    """Return the rules with their lengths of time in seconds."""
    seconds = re.sub(r"(?<=[\[ ])(\d+m)(?=[\]:\n])", lambda found: SECONDS[found[1]], rules)
    for usual, quick in LATE.items():
        seconds = seconds.replace(usual, quick)
    return seconds.replace(":1m]", ":1s]")


def prometheus_config(targets: Mapping[str, str]) -> str:
    """Return a configuration that scrapes every three seconds."""
    jobs = [{"job_name": job, "static_configs": [{"targets": [target]}]} for job, target in targets.items()]
    every = {"scrape_interval": "3s", "scrape_timeout": "3s", "evaluation_interval": "1s"}
    return json.dumps({"global": every, "rule_files": ["rules.yml"], "scrape_configs": jobs})


@contextmanager
def watching(stack: RunningStack, folder: Path) -> Iterator[Watch]:
    """Run a Prometheus beside the stack."""
    settings, (port,) = stack.plan.settings, free_ports(1)
    targets = {
        "apollo-api": f"127.0.0.1:{settings.api_port}",
        "apollo-worker": f"127.0.0.1:{settings.worker_metrics_port}",
    }
    (folder / "rules.yml").write_text(hurried(RULES.read_text()))
    (folder / "prometheus.yml").write_text(prometheus_config(targets))
    command = [
        "prometheus",
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/tsdb",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]
    with subprocess.Popen(command) as prometheus:  # noqa: S603 - our own words
        try:
            watch = Watch(stack, f"http://127.0.0.1:{port}")
            time.sleep(FIRST_SCRAPES_SECONDS)
            yield watch
        finally:
            prometheus.terminate()


def fired_while_healthy(watch: Watch, seconds: float) -> set[str]:
    """Return what fires while a batch runs as it should."""
    call_people(watch.stack, 45)
    fired: set[str] = set()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        fired |= watch.firing()
        time.sleep(1)
    return fired


def seen_of(watch: Watch, fault: Fault) -> Seen:
    """Bring a fault about, wait for its alerts, end it, and wait until they are quiet."""
    fired_after: dict[str, float] = {}
    begin = time.monotonic()

    def all_have_fired() -> bool:
        for each in (watch.firing() & set(fault.alerts)) - set(fired_after):
            fired_after[each] = time.monotonic() - begin
        return set(fired_after) == set(fault.alerts)

    with fault.lasts(watch.stack):
        watch.seconds_until(all_have_fired)
        besides = watch.firing() - set(fault.alerts)
    quiet_after = watch.seconds_until(lambda: not watch.firing())
    return Seen(fault, fired_after, besides, quiet_after)


def _plan(folder: Path) -> StackPlan:
    (port,) = free_ports(1)
    told = {
        "APOLLO_WEBHOOK_SECRET": SECRET,
        "APOLLO_WEBHOOK_SILENCE_SECONDS": "5",
        "APOLLO_DIAL_TIMEOUT_SECONDS": "15",
    }
    plan = quick_plan(folder, told, worker_metrics_port=port, webhook_secret=SecretStr(SECRET))
    sim = plan.settings.sim.model_copy(update={"talk_seconds": 3.0})
    return replace(plan, settings=plan.settings.model_copy(update={"sim": sim}))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what fired; exits with 1 where something did not, or fired without a fault."""
    parser = argparse.ArgumentParser(prog="python -m bench.alerts", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=FAULTS, default=list(FAULTS), help="these faults")
    parser.add_argument("--healthy", type=int, default=HEALTHY_SECONDS, help="seconds before the first fault")
    told = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="apollo-alerts-") as folder,
        StopRequest() as stop,
        running(_plan(Path(folder).resolve()), stop, lambda _: None) as stack,
        watching(stack, Path(folder).resolve()) as watch,
    ):
        fired = fired_while_healthy(watch, told.healthy)
        _say(f"healthy for {told.healthy} s: {sorted(fired) or 'nothing'} fired")
        is_good = not fired
        for name in told.only:
            seen = seen_of(watch, FAULTS[name])
            _say(str(seen))
            is_good = is_good and seen.is_as_it_should_be
    leave(0 if is_good else 1)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
