"""The shell line that starts another worker beside a running stack, from any terminal of this machine."""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from embedded.processes import Command
from settings import PREFIX, variables

_OF_THE_API = frozenset(
    {
        "APOLLO_BOOTSTRAP_ORGANIZATION",
        "APOLLO_BOOTSTRAP_TOKEN",
        "APOLLO_RATE_LIMIT_PER_MINUTE",
        "APOLLO_WEBHOOK_ALLOW_UNSIGNED",
        "APOLLO_WEBHOOK_SECRET",
    }
)
"""Settings that a worker has no use for; nobody is to hand it secrets in vain."""
_MAY_HOLD_A_SECRET = frozenset({"APOLLO_ROTARY_AUTH_VALUE", "APOLLO_ROTARY_HANG_UP_BODY"})
_OPEN_OF_TEMPORAL = re.compile(
    r"TEMPORAL_(ADDRESS|NAMESPACE|PROFILE|CONFIG_FILE|TLS|TLS_SERVER_NAME|TLS_DISABLE_\w+|\w+_PATH)"
)
_HIDDEN_OF_POSTGRES = frozenset({"PGPASSWORD", "PGOAUTHCLIENTSECRET"})
_CREDENTIALS_IN_URL = re.compile(r"://([^/]*@|.*[?])")


@dataclass(frozen=True, kw_only=True)
class ByHand:
    """A line to paste, and the variables that must be set where it is pasted."""

    line: str
    secrets: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Inherited:
    """What the parts take over from the environment of `apollo up`, as far as it is about these."""

    environment: Mapping[str, str]
    database: bool
    """Whether a database of the operator's is used, which Postgres' own variables describe further."""
    temporal: bool
    """Whether a Temporal of the operator's is used, likewise."""


def by_hand(command: Command, told: Mapping[str, str], inherited: Inherited) -> ByHand:
    """Return how to start a command with what it is given and what it inherits.

    A secret is not shown: the line takes it from the variable of the same name, and refuses without.
    """
    needed = {
        name: value
        for name, value in inherited.environment.items()
        if value and name not in told and _is_needed(name, inherited)
    }
    secrets = tuple(sorted(name for name, value in needed.items() if _is_secret(name, value)))
    words = ["env", *_assignments(dict(told) | needed, secrets), *map(shlex.quote, command.argv)]
    return ByHand(line=f"cd {shlex.quote(str(command.working_dir))} && {' '.join(words)}", secrets=secrets)


def _assignments(variables: Mapping[str, str], secrets: tuple[str, ...]) -> Iterator[str]:
    for name, value in sorted(variables.items()):
        yield f'{name}="${{{name}:?}}"' if name in secrets else f"{name}={shlex.quote(value)}"


def _is_needed(name: str, inherited: Inherited) -> bool:
    if name.upper().startswith(PREFIX):
        return name.upper() in variables().keys() - _OF_THE_API
    return (inherited.temporal and name.startswith("TEMPORAL_")) or (
        inherited.database and re.fullmatch(r"PG[A-Z]+", name) is not None
    )


def _is_secret(name: str, value: str) -> bool:
    if _CREDENTIALS_IN_URL.search(value):
        return True
    if name.upper().startswith(PREFIX):
        return name.upper() in _MAY_HOLD_A_SECRET or "Secret" in repr(variables()[name.upper()].annotation)
    if name.startswith("TEMPORAL_"):
        return _OPEN_OF_TEMPORAL.fullmatch(name) is None
    return name in _HIDDEN_OF_POSTGRES
