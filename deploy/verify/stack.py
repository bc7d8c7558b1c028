"""The composed stack, as an operator starts, looks at and stops it: by `docker compose` alone."""

import json
import secrets
import shlex
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECRETS = (
    "APOLLO_POSTGRES_PASSWORD",
    "TEMPORAL_POSTGRES_PASSWORD",
    "APOLLO_WEBHOOK_SECRET",
    "APOLLO_ROTARY_API_KEY",
)
ORGANIZATION = "org_demo"
ROLES = ("worker-control", "worker-contact", "worker-dial", "worker-store")
_FILES = ("--file", "docker-compose.yml", "--file", "deploy/verify/compose.yml")
# A project of its own, so that its volumes are nobody's, and no `.env` of the folder is read.
_WORDS = ("--project-name", "apollo-verify", "--env-file", "deploy/verify/verify.env", *_FILES)
_PROFILES = ("--profile", "roles", "--profile", "watch")
_OURS = ("APOLLO_", "TEMPORAL_", "COMPOSE_", "OTEL_", "VERIFY_", "PG")


class StackFailed(Exception):
    """The stack did not do what was asked; the text says what, with its last words."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """One container of the stack, as `docker compose ps` tells of it."""

    name: str
    state: str
    health: str
    exit_code: int

    @property
    def is_settled(self) -> bool:
        """Tell whether it serves, or has done its one job well."""
        if self.state == "running":
            return self.health in ("", "healthy")
        return self.state == "exited" and self.exit_code == 0


def read_services(text: str) -> list[Service]:
    """Return the containers in what `ps --format json` prints: one object a line, or all in one array.

    Raises StackFailed for anything else.
    """
    try:
        lines = [json.loads(line) for line in text.splitlines() if line.strip()]
        found = lines[0] if len(lines) == 1 and isinstance(lines[0], list) else lines
        return [
            Service(
                name=str(each["Service"]),
                state=str(each["State"]),
                health=str(each.get("Health") or ""),
                exit_code=int(each.get("ExitCode") or 0),
            )
            for each in found
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise StackFailed("`ps --format json` printed something else than containers") from error


def surroundings(inherited: Mapping[str, str], talk_seconds: int) -> dict[str, str]:
    """Return the environment of the command: fresh secrets, and nothing of ours that was set before."""
    kept = {name: value for name, value in inherited.items() if not name.startswith(_OURS)}
    fresh = {name: secrets.token_hex(24) for name in SECRETS}
    return {**kept, **fresh, "VERIFY_TALK_SECONDS": str(talk_seconds)}


class Stack:
    """One run of the whole composed stack, with two API processes and workers by role."""

    def __init__(
        self, command: str, inherited: Mapping[str, str], *, without: Sequence[str], build: bool
    ) -> None:
        """Start nothing yet. `command` is the words before Compose's own, such as `docker compose`."""
        self._command = tuple(shlex.split(command))
        self._environment = surroundings(inherited, talk_seconds=2)
        self._absent = ("worker", *without)
        self._build = build

    def up(self) -> None:
        """Build, start everything and wait until it serves. Raises StackFailed."""
        if self._build:
            # One service: all share the image, and without buildx each would be built for itself.
            self._compose("build", "migrate", seconds=900)
        self.start()

    def start(self, *, talk_seconds: int = 2) -> None:
        """Bring up what does not run as it should and wait until everything serves. Raises StackFailed."""
        self._environment["VERIFY_TALK_SECONDS"] = str(talk_seconds)
        # By name, for of a service that is scaled to 0 the image is pulled all the same.
        named = self._compose("config", "--services", seconds=60).split()
        wanted = sorted(name for name in named if name not in self._absent)
        self._compose("up", "--detach", "--no-build", *wanted, seconds=300)
        self.wait_until_settled()

    def wait_until_settled(self, seconds: float = 180) -> None:
        """Return once every container serves or has ended well. Raises StackFailed, naming the others."""
        end = time.monotonic() + seconds
        while unsettled := sorted(each.name for each in self.services() if not each.is_settled):
            if time.monotonic() > end:
                raise StackFailed(f"after {seconds:.0f} s not up: {', '.join(unsettled)}")
            time.sleep(2)

    def services(self) -> list[Service]:
        """Return every container, those that have ended too. Raises StackFailed."""
        return read_services(self._compose("ps", "--all", "--format", "json", seconds=60))

    def restart(self, *names: str) -> None:
        """Stop services as a deployment does, and start them again. Raises StackFailed."""
        self._compose("restart", *names, seconds=180)

    def kill(self, name: str) -> None:
        """Kill a service with -9 and start it again. Raises StackFailed."""
        self._compose("kill", "--signal", "SIGKILL", name, seconds=60)
        self._compose("start", name, seconds=120)

    def token(self) -> str:
        """Return a new API token of the stack's own organization. Raises StackFailed."""
        words = ("apollo", "tokens", "create", "--organization", ORGANIZATION, "--name", "verify")
        printed = self._compose("run", "--rm", "--no-deps", "-T", "api", *words, seconds=60)
        found = next((word for word in printed.split() if word.startswith("gat_")), None)
        if found is None:
            raise StackFailed("`apollo tokens create` printed no token")
        return found

    def logs(self) -> str:
        """Return the newest lines of every service."""
        return self._compose("logs", "--no-color", "--tail", "40", seconds=60)

    def down(self) -> None:
        """Stop everything and remove it with its volumes; images stay. Raises StackFailed."""
        self._compose("down", "--volumes", "--remove-orphans", seconds=240)

    def _compose(self, *words: str, seconds: float) -> str:
        try:
            done = subprocess.run(  # noqa: S603 - the command line is the operator's and ours
                [*self._command, *_WORDS, *_PROFILES, *words],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                text=True,
                timeout=seconds,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise StackFailed(f"{words[0]}: {error}") from error
        if done.returncode:
            raise StackFailed(f"{words[0]}: exit {done.returncode}: {' '.join(_last(done.stderr))}")
        return done.stdout


def _last(text: str) -> Iterator[str]:
    yield from (line.strip() for line in text.strip().splitlines()[-5:])
