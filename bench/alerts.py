"""Brings faults about on a real stack and says which alerts fire: `python -m bench.alerts`; needs prometheus.

The rules are those of `deploy/prometheus`, with every length of time cut to seconds. First a healthy batch
runs, of which nothing may fire; then one part after the other is frozen, and a webhook forged.
"""

import io
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import ProxyHandler, Request, build_opener

import psutil
from pydantic import SecretStr

from bench.trace_picture import quick_plan
from console.api_client import ApiClient
from embedded.listening import free_ports
from embedded.plan import StackPlan
from embedded.stack import RunningStack, running
from embedded.stop_request import StopRequest
from temporal.process_exit import leave

RULES = Path(__file__).resolve().parents[1] / "deploy/prometheus/apollo.rules.yml"
SECONDS = {"1m": "9s", "2m": "12s", "5m": "12s", "10m": "12s", "15m": "20s", "45m": "60s"}
SECRET = "whsec_of_a_test_of_alerts"  # noqa: S105 - of this stack alone
WAIT_SECONDS = 60
HEALTHY_SECONDS = 20
FIRST_SCRAPES_SECONDS = 15
"""Until then nobody is known to answer."""
FROZEN = {
    "simulator": "ApolloProviderFails",
    "api": "ApolloApiDown",
    "worker": "ApolloWorkerDown",
    "postgres": "ApolloDatabaseDown",
}
"""The part that is stopped, and the alert that must fire. A frozen Temporal refuses nothing: not here."""
_OPENER = build_opener(ProxyHandler({}))


@dataclass
class Watch:
    """A stack with a Prometheus beside it."""

    stack: RunningStack
    url: str

    def firing(self) -> set[str]:
        """Return the alerts that fire now."""
        with _OPENER.open(f"{self.url}/api/v1/alerts", timeout=5) as answer:
            alerts = json.load(answer)["data"]["alerts"]
        return {each["labels"]["alertname"] for each in alerts if each["state"] == "firing"}

    def seconds_until(self, holds: Callable[[], bool]) -> float | None:
        """Return how long it took until something held, None when it never did."""
        begin = time.monotonic()
        while time.monotonic() < begin + WAIT_SECONDS:
            if holds():
                return time.monotonic() - begin
            time.sleep(0.5)
        return None

    @contextmanager
    def frozen(self, part: str) -> Iterator[None]:
        """Stop a part with all its processes, which keeps its port and answers nobody."""
        (child,) = (each for each in self.stack.children if each.name == part)
        first = psutil.Process(child.pid)
        processes = [first, *first.children(recursive=True)]
        for each in processes:
            each.suspend()
        try:
            yield
        finally:
            for each in processes:
                each.resume()

    def forge_webhooks(self) -> None:
        """Post a status with a wrong signature every second, for longer than the alert waits."""
        for _ in range(30):
            request = Request(  # noqa: S310 - our own address
                f"{self.stack.plan.api_url}/webhooks/call-status",
                data=b"{}",
                headers={"Content-Type": "application/json", "Jambonz-Signature": "t=1,v1=00"},
            )
            try:
                _OPENER.open(request, timeout=5).close()
            except OSError:
                time.sleep(1)


def hurried(rules: str) -> str:
    """Return the rules with their lengths of time in seconds."""
    seconds = re.sub(r"(?<=[\[ ])(\d+m)(?=[\]:\n])", lambda found: SECONDS[found[1]], rules)
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


def call_people(stack: RunningStack, people: int) -> None:
    """Start a batch that keeps the stack at work."""
    with ApiClient(stack.plan.api_url, stack.token) as api:
        rules = {"name": "alerts", "agent_id": "agent_1", "phone_numbers": ["+14155550180"]}
        campaign_id = api.create_campaign(rules)["campaign_id"]
        numbers = "\n".join(f"+1415555{number:04d}" for number in range(50, 50 + 100 * people, 100))
        fields = {"campaign_id": campaign_id, "concurrency_limit": 2}
        api.create_batch(fields, io.BytesIO(f"phone_number\n{numbers}".encode()))


def try_alerts(watch: Watch) -> Iterator[str]:
    """Yield a line for each fault."""
    call_people(watch.stack, 90)
    fired: set[str] = set()
    end = time.monotonic() + HEALTHY_SECONDS
    while time.monotonic() < end:
        fired |= watch.firing()
        time.sleep(1)
    yield f"healthy: {sorted(fired) or 'nothing'} fired in {HEALTHY_SECONDS} s"
    watch.forge_webhooks()
    yield _told(watch, "forged webhooks", "ApolloWebhooksRefused")
    for part, alert in FROZEN.items():
        with watch.frozen(part):
            if part == "simulator":
                # Calls that were live before hold their slots, and only dials open a circuit.
                call_people(watch.stack, 20)
            line = _told(watch, f"{part} frozen", alert)
        healed = watch.seconds_until(lambda alert=alert: alert not in watch.firing())  # type: ignore[misc]
        yield f"{line}; quiet {'never' if healed is None else f'{healed:.0f} s'} after"


def _told(watch: Watch, fault: str, alert: str) -> str:
    took = watch.seconds_until(lambda: alert in watch.firing())
    came = "did not fire" if took is None else f"fired after {took:.0f} s"
    return f"{fault}: {alert} {came}; besides {sorted(watch.firing() - {alert})}"


def _plan(folder: Path) -> StackPlan:
    (port,) = free_ports(1)
    told = {"APOLLO_WEBHOOK_SECRET": SECRET, "APOLLO_DIAL_TIMEOUT_SECONDS": "1"}
    return quick_plan(folder, told, worker_metrics_port=port, webhook_secret=SecretStr(SECRET))


def main() -> None:
    """Print what fired."""
    with (
        tempfile.TemporaryDirectory(prefix="apollo-alerts-") as folder,
        StopRequest() as stop,
        running(_plan(Path(folder).resolve()), stop, lambda _: None) as stack,
        watching(stack, Path(folder).resolve()) as watch,
    ):
        for line in try_alerts(watch):
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
    leave(0)


if __name__ == "__main__":
    main()
