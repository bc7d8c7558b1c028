"""What an embedded stack is to be: settings, surroundings, and what follows from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from embedded.listening import WantedPort
from settings import ProviderName, Settings


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
    """Options of the simulator beside its lengths of time, as on its command line."""
    has_console: bool = False
    """Whether the web console is one of the parts."""

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
        return self.settings.api_url

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
        if settings.worker_metrics_port:
            wanted.append(
                WantedPort(
                    port=settings.worker_metrics_port,
                    setting="APOLLO_WORKER_METRICS_PORT",
                    part="worker's metrics",
                    host=settings.worker_metrics_host,
                )
            )
        if self.owns_simulator:
            wanted.append(WantedPort(port=settings.sim.port, setting="APOLLO_SIM_PORT", part="simulator"))
        if self.has_console:
            web = WantedPort(
                port=settings.web_port, setting="APOLLO_WEB_PORT", part="web console", host=settings.web_host
            )
            wanted.append(web)
        return tuple(wanted)


def with_ports(settings: Settings, ports: Sequence[int]) -> Settings:
    """Return the settings with other ports.

    In this order: of API, Temporal, its Web UI, the simulator and, where given, the web console.
    """
    names = ("api_port", "temporal_port", "temporal_ui_port")
    api, temporal, ui, simulator, *console = ports
    sim = settings.sim.model_copy(update={"port": simulator})
    web = dict(zip(("web_port",), console, strict=False))
    return settings.model_copy(
        update={**dict(zip(names, (api, temporal, ui), strict=True)), **web, "sim": sim}
    )


def with_absolute_folder(settings: Settings) -> Settings:
    """Return the settings with a data folder that means the same from every working directory."""
    return settings.model_copy(update={"data_dir": settings.data_dir.expanduser().resolve()})
