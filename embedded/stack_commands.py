"""How each part of Apollo is run as a child process, and with which environment."""

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from embedded.by_hand import ByHand, Inherited, by_hand
from embedded.module_command import module_command, python_path
from embedded.plan import StackPlan
from embedded.processes import Command
from workflows.options import DIAL

_WORKERS_PATIENCE = DIAL["start_to_close_timeout"] + timedelta(seconds=5)
"""It stops at once unless it waits for the provider's answer to a dial."""
_OF_ANOTHER_SERVER = ("TEMPORAL_API_KEY", "TEMPORAL_PROFILE")
_METRICS_PORT = "APOLLO_WORKER_METRICS_PORT"
_WEBHOOK_SECRET = "APOLLO_WEBHOOK_SECRET"  # noqa: S105 - a variable's name


class StackCommands:
    """The commands of one stack, once it is known where database and Temporal are."""

    def __init__(self, plan: StackPlan, *, database_url: str, temporal_address: str) -> None:
        """Tell the parts only what they cannot inherit."""
        self._plan = plan
        self._told = _told(plan, database_url=database_url, temporal_address=temporal_address)

    def simulator(self) -> Command:
        """Return how to run the simulator."""
        settings, sim = self._plan.settings, self._plan.settings.sim
        follow_up = self._plan.follow_up_seconds
        command = self._command(
            "simulator",
            "telephony.simulator",
            *("--port", str(sim.port)),
            *("--ring-seconds", str(sim.ring_seconds), "--talk-seconds", str(sim.talk_seconds)),
            *(() if follow_up is None else ("--follow-up-seconds", str(follow_up))),
            *self._plan.simulator_arguments,
            *(("--webhook-secret-from", _WEBHOOK_SECRET) if settings.webhook_secrets else ()),
            patience=timedelta(seconds=1),
        )
        if settings.webhook_secret is None:
            return command
        # It may come from a `.env` file, which the simulator does not read.
        secret = {_WEBHOOK_SECRET: settings.webhook_secret.get_secret_value()}
        return replace(command, environment={**command.environment, **secret})

    def worker(self) -> Command:
        """Return how to run the worker."""
        return self._command("worker", "worker", patience=_WORKERS_PATIENCE)

    def api(self) -> Command:
        """Return how to run the API."""
        settings = self._plan.settings
        return self._command(
            "api",
            "uvicorn",
            *("api.app:from_environment", "--factory", "--no-access-log"),
            *("--host", settings.api_host, "--port", str(settings.api_port)),
            patience=timedelta(seconds=2),
        )

    def console(self, *, temporal_ui_url: str | None) -> Command:
        """Return how to run the web console, which knows nothing of database, provider and secrets."""
        settings = self._plan.settings
        told = {
            "APOLLO_WEB_HOST": settings.web_host,
            "APOLLO_WEB_PORT": str(settings.web_port),
            "APOLLO_WEB_API_URL": settings.console_api_url,
            "APOLLO_WEB_OVER_HTTPS": str(settings.web_over_https).lower(),
            "APOLLO_TEMPORAL_NAMESPACE": settings.temporal_namespace,
        }
        ui_url = settings.console_temporal_ui_url if settings.web_temporal_ui_url else temporal_ui_url
        if ui_url is not None:
            told["APOLLO_WEB_TEMPORAL_UI_URL"] = ui_url
        command = self._command("console", "web", patience=timedelta(seconds=2))
        open_to_it = {
            name: value
            for name, value in command.environment.items()
            if not name.startswith(("APOLLO_", "TEMPORAL_"))
        }
        return replace(command, environment={**open_to_it, **told})

    def another_worker(self) -> ByHand:
        """Return how to start a further worker."""
        plan = self._plan
        inherited = Inherited(
            environment=plan.environment, database=not plan.owns_database, temporal=not plan.owns_temporal
        )
        # One port serves the metrics of one worker; a further one is given another port, or none.
        port = {_METRICS_PORT: "0"} if plan.settings.worker_metrics_port else {}
        return by_hand(self.worker(), {**self._told, **port}, inherited)

    def _command(self, name: str, module: str, *arguments: str, patience: timedelta) -> Command:
        return Command(
            name=name,
            argv=module_command(module, *arguments),
            environment={**self._plan.environment, **self._told},
            working_dir=self._plan.working_dir,
            patience=patience,
        )


def _told(plan: StackPlan, *, database_url: str, temporal_address: str) -> Mapping[str, str]:
    settings = plan.settings
    told = {
        "APOLLO_API_HOST": settings.api_host,
        "APOLLO_API_PORT": str(settings.api_port),
        "APOLLO_DATA_DIR": str(settings.data_dir),
        "APOLLO_PROVIDER": settings.provider.value,
        "APOLLO_SIM_PORT": str(settings.sim.port),
        "APOLLO_TEMPORAL_ADDRESS": temporal_address,
        "APOLLO_TEMPORAL_NAMESPACE": settings.temporal_namespace,
        "PYTHONPATH": python_path(plan.environment),
    }
    if settings.worker_metrics_port:
        told |= {
            _METRICS_PORT: str(settings.worker_metrics_port),
            "APOLLO_WORKER_METRICS_HOST": settings.worker_metrics_host,
        }
    if plan.owns_temporal:
        # What Temporal's tools share is about another server: no key for it goes to ours, and no TLS.
        told |= dict.fromkeys(_OF_ANOTHER_SERVER, "")
        told |= {"TEMPORAL_CONFIG_FILE": os.devnull, "TEMPORAL_TLS": "false"}
    # A database that was set is inherited: its password belongs in no command that is shown.
    return told | {"APOLLO_DATABASE_URL": database_url} if plan.owns_database else told
