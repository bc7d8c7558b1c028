"""What an embedded stack is to be: settings, surroundings, and what follows from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from embedded.listening import LOOPBACK, WantedPort
from settings import ProviderName, Settings

_ANY_HOSTS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to


@dataclass(frozen=True, kw_only=True)
class StackPlan:
    """One stack. `settings.data_dir` is absolute."""

    settings: Settings
    environment: Mapping[str, str]
    """What the parts inherit."""
    working_dir: Path
    """Where the parts run, and so look for a `.env` file."""
    follow_up_seconds: float | None = None
    """How far ahead a simulated person asks to be called again; None leaves it to the simulator."""
    simulator_arguments: tuple[str, ...] = ()
    """What the simulator is told beside its lengths of time, in the words of its command line."""

    @property
    def log_dir(self) -> Path:
        """Where every part writes its log."""
        return self.settings.data_dir / "logs"

    @property
    def owns_database(self) -> bool:
        """Tell whether the stack brings its own Postgres."""
        return self.settings.database_url is None

    @property
    def owns_temporal(self) -> bool:
        """Tell whether the stack brings its own Temporal."""
        return self.settings.temporal_address is None

    @property
    def owns_simulator(self) -> bool:
        """Tell whether calls are simulated."""
        return self.settings.provider is ProviderName.SIMULATOR

    @property
    def api_url(self) -> str:
        """Where this machine reaches the API."""
        return api_url_of(self.settings)

    @property
    def simulator_url(self) -> str:
        """Where the simulator listens."""
        return self.settings.sim.base_url

    def wanted_ports(self) -> tuple[WantedPort, ...]:
        """Return the ports the parts will listen on."""
        settings = self.settings
        wanted = [
            WantedPort(port=settings.api_port, setting="APOLLO_API_PORT", part="API", host=settings.api_host)
        ]
        if self.owns_temporal:
            wanted += [
                WantedPort(
                    port=settings.temporal_port, setting="APOLLO_TEMPORAL_PORT", part="Temporal server"
                ),
                WantedPort(
                    port=settings.temporal_ui_port, setting="APOLLO_TEMPORAL_UI_PORT", part="Temporal Web UI"
                ),
            ]
        if self.owns_simulator:
            wanted.append(WantedPort(port=settings.sim.port, setting="APOLLO_SIM_PORT", part="simulator"))
        return tuple(wanted)


def with_ports(settings: Settings, ports: Sequence[int]) -> Settings:
    """Return the settings with other ports for API, Temporal, its Web UI and the simulator, in this order."""
    names = ("api_port", "temporal_port", "temporal_ui_port")
    *others, simulator = ports
    sim = settings.sim.model_copy(update={"port": simulator})
    return settings.model_copy(update={**dict(zip(names, others, strict=True)), "sim": sim})


def api_url_of(settings: Settings) -> str:
    """Return where this machine reaches the API that has these settings."""
    host = LOOPBACK if settings.api_host in _ANY_HOSTS else settings.api_host
    return f"http://[{host}]:{settings.api_port}" if ":" in host else f"http://{host}:{settings.api_port}"


def with_absolute_folder(settings: Settings) -> Settings:
    """Return the settings with a data folder that means the same from every working directory."""
    return settings.model_copy(update={"data_dir": settings.data_dir.expanduser().resolve()})
