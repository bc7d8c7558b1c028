"""What tries the composed stack reads it rightly, and knows it as it is composed."""

import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.verify import addresses
from deploy.verify.stack import ROLES, ROOT, Service, Stack, StackFailed, read_services, surroundings
from tests.e2e.operated_stack import NAMES, an_operated_world
from worker import Role

COMPOSED: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
UP = '{"Service": "api", "State": "running", "Health": "healthy", "ExitCode": 0}'
ENDED = '{"Service": "migrate", "State": "exited", "Health": "", "ExitCode": 0}'
API = Service(name="api", state="running", health="healthy", exit_code=0)
MIGRATE = Service(name="migrate", state="exited", health="", exit_code=0)


def laid_over() -> dict[str, Any]:
    """What is laid over, read as if `!override`, by which Compose replaces a list, were not there."""
    text = (ROOT / "deploy/verify/compose.yml").read_text().replace("!override", "")
    found: dict[str, Any] = yaml.safe_load(text)["services"]
    return found


def published(services: Mapping[str, Any]) -> set[str]:
    """The addresses on this machine that services are published at."""
    return {port.rpartition(":")[0] for each in services.values() for port in each.get("ports", ())}


@pytest.mark.parametrize(
    ("printed", "found"),
    [
        pytest.param(f"{UP}\n{ENDED}\n", [API, MIGRATE], id="one object a line"),
        pytest.param(f"[{UP},{ENDED}]", [API, MIGRATE], id="one array"),
        pytest.param(UP, [API], id="one container"),
        pytest.param("", [], id="nothing runs"),
        pytest.param(
            '{"Service": "worker-dial", "State": "running"}',
            [Service(name="worker-dial", state="running", health="", exit_code=0)],
            id="without a health check",
        ),
    ],
)
def test_containers_are_read_however_compose_prints_them(printed: str, found: list[Service]) -> None:
    assert read_services(printed) == found


@pytest.mark.parametrize("printed", ["no such service", "[1]", '{"Service": "api"}', '{"State": "running"}'])
def test_what_is_no_list_of_containers_is_refused(printed: str) -> None:
    with pytest.raises(StackFailed, match="something else than containers"):
        read_services(printed)


@pytest.mark.parametrize(
    ("state", "health", "exit_code", "is_settled"),
    [
        pytest.param("running", "healthy", 0, True, id="healthy"),
        pytest.param("running", "", 0, True, id="runs, and is asked for no health"),
        pytest.param("running", "starting", 0, False, id="not asked yet"),
        pytest.param("running", "unhealthy", 0, False, id="unhealthy"),
        pytest.param("exited", "", 0, True, id="has done its job"),
        pytest.param("exited", "", 1, False, id="has failed"),
        pytest.param("restarting", "", 0, False, id="fails again and again"),
        pytest.param("created", "", 0, False, id="waits for others"),
    ],
)
def test_container_is_settled_once_it_serves_or_has_ended_well(
    state: str, health: str, exit_code: int, is_settled: bool
) -> None:
    service = Service(name="api", state=state, health=health, exit_code=exit_code)

    assert service.is_settled is is_settled


def test_every_needed_secret_is_made_anew_and_nothing_of_ours_is_inherited() -> None:
    needed = set(re.findall(r"\$\{([A-Z0-9_]+):\?", (ROOT / "docker-compose.yml").read_text()))
    inherited = {"PATH": "/bin", "DOCKER_HOST": "unix:///run/engine.sock", "APOLLO_PROVIDER": "jambonz"}

    first, second = (surroundings(inherited, talk_seconds=7) for _ in range(2))

    made = {name for name in first if name not in (*inherited, "VERIFY_TALK_SECONDS")}
    assert made == needed
    assert all(first[name] != second[name] for name in made)
    assert (first["PATH"], first["DOCKER_HOST"]) == ("/bin", "unix:///run/engine.sock")
    assert (first.get("APOLLO_PROVIDER"), first["VERIFY_TALK_SECONDS"]) == (None, "7")


def test_addresses_are_those_that_the_compose_files_publish_on_loopback() -> None:
    known = {value.removeprefix("http://") for name, value in vars(addresses).items() if name.isupper()}

    assert known == published(COMPOSED["services"]) | published(laid_over())
    assert all(address.startswith("127.0.0.1:") for address in known)


def test_second_api_is_the_first_one_at_another_port() -> None:
    first, second = laid_over()["api"], laid_over()["api-second"]

    assert second["extends"] == {"file": "docker-compose.yml", "service": "api"}
    assert second["networks"] == first["networks"] == {"default": {"aliases": ["api"]}}
    assert second.keys() - first.keys() == {"extends", "ports"}


def test_simulator_is_the_composed_one_with_a_length_of_talk() -> None:
    command = laid_over()["simulator"]["command"]

    assert command[:-1] == COMPOSED["services"]["simulator"]["command"]
    assert command[-1] == "--talk-seconds=${VERIFY_TALK_SECONDS:-2}"


def test_every_role_has_workers_and_the_worker_of_all_roles_is_left_out() -> None:
    assert set(ROLES) == {f"worker-{role}" for role in Role if role is not Role.ALL}


@pytest.mark.process
def test_command_that_fails_is_told_with_its_last_words(tmp_path: Path) -> None:
    engine = tmp_path / "engine.py"
    engine.write_text("import sys; sys.exit('no engine answers')")
    command = shlex.join([sys.executable, str(engine)])

    with pytest.raises(StackFailed, match="down: exit 1: no engine answers"):
        Stack(command, {}, without=(), build=False).down()


@pytest.mark.process
def test_stack_is_asked_for_with_every_profile_and_without_what_is_left_out(tmp_path: Path) -> None:
    engine, asked = tmp_path / "engine.py", tmp_path / "asked"
    engine.write_text(
        f"import sys; open({str(asked)!r}, 'a').write(' '.join(sys.argv[1:]) + chr(10))\n"
        "if sys.argv[-1] == '--services': print('worker', 'grafana', 'web', 'api', sep=chr(10))"
    )
    command = shlex.join([sys.executable, str(engine)])

    Stack(command, {}, without=("grafana",), build=True).up()

    shared = (
        "--project-name apollo-verify --env-file deploy/verify/verify.env "
        "--file docker-compose.yml --file deploy/verify/compose.yml --profile roles --profile watch "
    )
    assert asked.read_text().splitlines() == [
        f"{shared}build migrate",
        f"{shared}config --services",
        f"{shared}up --detach --no-build api web",
        f"{shared}ps --all --format json",
    ]


def test_half_named_stack_is_refused_so_that_nobody_elses_is_operated() -> None:
    with pytest.raises(KeyError), an_operated_world({NAMES[0]: addresses.API}):
        pytest.fail("a stack was opened")


def test_named_stack_is_operated_at_its_own_addresses() -> None:
    named = ("http://127.0.0.1:1800", "gat_given", "127.0.0.1:1723", "http://127.0.0.1:1890")

    with an_operated_world(dict(zip(NAMES, named, strict=True))) as world:
        stack = world.stack
        found = (stack.plan.api_url, stack.token, stack.temporal_address, stack.plan.simulator_url)

    assert found == named
    assert stack.children == []
