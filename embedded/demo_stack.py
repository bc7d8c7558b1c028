"""The demo's own stack: a folder that is thrown away, quick calls, nothing of the operator's settings."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from console.failures import CommandFailed
from embedded.listening import free_ports, is_free
from embedded.plan import StackPlan, with_ports
from settings import Settings, inherited_environment
from telephony.simulator.settings import SimulatorSettings

# Whatever is set for real work must neither reach real data nor ring real phones from a demo.
_LEFT_BEHIND = ("APOLLO_", "TEMPORAL_")
_TOLD = {
    "APOLLO_WEBHOOK_SILENCE_SECONDS": "4",
    "APOLLO_DIAL_TIMEOUT_SECONDS": "2",
}
_FOLLOW_UP_SECONDS = 10.0


@contextmanager
def demo_plan() -> Iterator[StackPlan]:
    """Yield the plan of a stack in a fresh folder, of which at most the logs of a failure stay."""
    data_dir = Path(tempfile.mkdtemp(prefix="apollo-demo-")).resolve()
    plan = StackPlan(
        settings=_settings(data_dir),
        environment=_environment(),
        working_dir=data_dir,
        follow_up_seconds=_FOLLOW_UP_SECONDS,
        has_console=True,
    )
    logs_matter = False
    try:
        yield plan
    except CommandFailed as failure:
        logs_matter = plan.log_dir.exists()
        if not logs_matter:
            raise
        raise CommandFailed(f"{failure}; the logs are kept in {plan.log_dir}") from failure
    finally:
        _remove(data_dir, kept={plan.log_dir} if logs_matter else set())


def _remove(data_dir: Path, kept: set[Path]) -> None:
    for path in data_dir.iterdir():
        if path.is_dir() and path not in kept:
            shutil.rmtree(path, ignore_errors=True)
        elif path not in kept:
            path.unlink()
    if not kept:
        shutil.rmtree(data_dir, ignore_errors=True)


def _settings(data_dir: Path) -> Settings:
    """Return default settings, on the well-known ports when all of them are free, else on free ones."""
    # Constructed without reading the environment: only defaults and what is named here hold.
    settings = Settings.model_construct(
        data_dir=data_dir, sim=SimulatorSettings(ring_seconds=0.3, talk_seconds=1.0)
    )
    of_temporal = (settings.temporal_port, settings.temporal_ui_port)
    known = (settings.api_port, *of_temporal, settings.sim.port, settings.web_port)
    return settings if all(map(is_free, known)) else with_ports(settings, free_ports(len(known)))


def _environment() -> dict[str, str]:
    inherited = inherited_environment()
    return {name: value for name, value in inherited.items() if not name.startswith(_LEFT_BEHIND)} | _TOLD
