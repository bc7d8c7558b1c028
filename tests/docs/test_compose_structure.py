"""The compose file has only keys that Compose knows, in the shapes it takes; nothing here can run it."""

import re
from pathlib import Path
from typing import Annotated, Literal

import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

import worker
from api import app as api
from worker import Role
from workflows.options import DIAL

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()

Name = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9._-]+$")]
Words = Annotated[list[str], Field(min_length=1)]
Duration = Annotated[str, StringConstraints(pattern=r"^(\d+h)?(\d+m)?(\d+s)?$", min_length=2)]
Condition = Literal["service_started", "service_healthy", "service_completed_successfully"]


class Strict(BaseModel):
    """Nothing but the fields that are named."""

    model_config = ConfigDict(extra="forbid", strict=True)


class DependsOn(Strict):
    condition: Condition


class HealthCheck(Strict):
    test: Words
    interval: Duration
    timeout: Duration
    retries: int
    start_period: Duration | None = None


class Mount(Strict):
    source: Name
    target: str


class Service(Strict):
    image: Annotated[str, StringConstraints(pattern=r"^([a-z0-9-]+/)?[a-z0-9-]+(:[a-z0-9.]+)?$")]
    build: str | None = None
    restart: Annotated[str, StringConstraints(pattern=r"^(unless-stopped|on-failure:\d)$")] | None = None
    init: bool = False
    read_only: bool = False
    tmpfs: Words | None = None
    cap_drop: Words | None = None
    security_opt: Words | None = None
    stop_grace_period: Duration | None = None
    profiles: list[Name] | None = None
    depends_on: dict[Name, DependsOn] = {}
    entrypoint: Words | None = None
    command: Words | None = None
    environment: dict[str, str] = {}
    configs: list[Mount] = []
    volumes: list[Annotated[str, StringConstraints(pattern=r"^[a-z-]+:/[a-z/]+$")]] = []
    ports: list[Annotated[str, StringConstraints(pattern=r"^[\d.]+:\d+:\d+$")]] = []
    healthcheck: HealthCheck | None = None


class Config(Strict):
    content: str | None = None
    file: str | None = None


class ComposeFile(BaseModel):
    """The whole file; `x-…` holds what services share and Compose passes over."""

    model_config = ConfigDict(extra="allow", strict=True)

    name: Name
    services: dict[Name, Service]
    configs: dict[Name, Config]
    volumes: dict[Name, None]


FILE = ComposeFile.model_validate(yaml.safe_load(TEXT))
OURS = {name: service for name, service in FILE.services.items() if service.build == "."}
WORKERS = {name: service for name, service in OURS.items() if name.startswith("worker")}


def test_nothing_but_known_keys_and_shared_parts_stands_in_the_file() -> None:
    assert all(name.startswith("x-") for name in FILE.model_extra or {})


def test_whatever_a_service_names_is_there() -> None:
    for service in FILE.services.values():
        assert service.depends_on.keys() <= FILE.services.keys()
        assert {volume.partition(":")[0] for volume in service.volumes} <= FILE.volumes.keys()
        assert {mount.source for mount in service.configs} <= FILE.configs.keys()


def test_every_file_that_is_handed_to_a_service_is_in_the_repository() -> None:
    files = [each.file for each in FILE.configs.values() if each.file is not None]

    assert files
    assert all((ROOT / each).is_file() for each in files)


def test_nobody_waits_for_health_that_is_never_asked_nor_for_an_end_that_never_comes() -> None:
    for service in FILE.services.values():
        for name, wait in service.depends_on.items():
            awaited = FILE.services[name]
            if wait.condition == "service_healthy":
                assert awaited.healthcheck is not None, name
            if wait.condition == "service_completed_successfully":
                assert awaited.restart != "unless-stopped", name


def test_health_is_asked_at_an_address_for_localhost_may_be_one_where_nobody_listens() -> None:
    asked = [each.healthcheck.test for each in FILE.services.values() if each.healthcheck is not None]

    assert not any("localhost" in word for words in asked for word in words)


def test_health_is_asked_without_a_blank_at_which_some_engines_cut_words() -> None:
    asked = [each.healthcheck.test for each in FILE.services.values() if each.healthcheck is not None]

    assert not any(" " in word for words in asked for word in words)


def test_every_service_starts_after_those_it_needs_and_none_needs_itself() -> None:
    started: set[str] = set()
    while len(started) < len(FILE.services):
        ready = {name for name, each in FILE.services.items() if each.depends_on.keys() <= started}
        assert ready - started, "the services wait for one another"
        started |= ready


def test_images_of_others_are_pinned_to_a_version() -> None:
    images = {service.image for name, service in FILE.services.items() if name not in OURS}

    assert all(re.search(r":v?\d", image) for image in images)


def test_our_processes_run_without_privileges_and_write_nowhere() -> None:
    for service in OURS.values():
        assert (service.init, service.read_only, service.tmpfs) == (True, True, ["/tmp"])  # noqa: S108
        assert (service.cap_drop, service.security_opt) == (["ALL"], ["no-new-privileges:true"])


def test_workers_are_given_more_time_to_stop_than_a_dial_may_take() -> None:
    for service in WORKERS.values():
        assert service.stop_grace_period is not None
        assert int(service.stop_grace_period.removesuffix("s")) > DIAL["start_to_close_timeout"].seconds


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ALL])
def test_every_role_has_workers_of_its_own_in_the_profile(role: Role) -> None:
    service, of_all = FILE.services[f"worker-{role}"], FILE.services["worker"]

    assert service.command == ["python", "-m", "worker", "--role", role]
    assert service.profiles == ["roles"]
    assert (service.environment, service.depends_on) == (of_all.environment, of_all.depends_on)


def test_database_has_room_for_twice_every_process_that_works_with_it() -> None:
    [room] = re.findall(r"max_connections=(\d+)", " ".join(FILE.services["postgres"].command or ()))

    assert int(room) >= 2 * (len(WORKERS) * worker.CONNECTIONS + api.CONNECTIONS + api.WEBHOOK_CONNECTIONS)


def test_payload_keys_are_the_same_for_everybody_who_reads_payloads() -> None:
    told = {service.environment.get("APOLLO_PAYLOAD_KEYS") for service in (OURS["api"], *WORKERS.values())}

    assert told == {"${APOLLO_PAYLOAD_KEYS:-}"}
