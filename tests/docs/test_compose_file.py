"""The compose file cannot be run here; what can be read of it is held against the code."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel, TypeAdapter

from settings import ProviderName, Settings, variables
from workflows.names import SEARCH_ATTRIBUTES

ROOT = Path(__file__).resolve().parents[2]
OURS = ("migrate", "api", "worker", "simulator")
_VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z0-9_]+)(:-|:\?)?([^}]*)\}")
_SECRET_WORDS = ("PASSWORD", "SECRET", "KEY", "PWD", "TOKEN")
_OPTIONAL_SECRETS = {"APOLLO_NUMBER_KEY", "APOLLO_JAMBONZ_API_KEY", "APOLLO_PAYLOAD_KEYS"}


class Service(BaseModel):
    command: list[str] = []
    environment: dict[str, str] = {}
    ports: list[str] = []
    depends_on: dict[str, dict[str, str]] = {}


def text() -> str:
    return (ROOT / "docker-compose.yml").read_text()


def services() -> dict[str, Service]:
    return TypeAdapter(dict[str, Service]).validate_python(yaml.safe_load(text())["services"])


def environment(service: str) -> dict[str, str]:
    return services()[service].environment


def test_every_port_is_bound_to_this_machine_only() -> None:
    ports = [port for service in services().values() for port in service.ports]

    assert len(ports) == 7
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_no_secret_has_a_default_and_a_missing_one_is_named_where_nothing_works_without_it() -> None:
    secrets = [
        found for found in _VARIABLE.findall(text()) if any(word in found[0] for word in _SECRET_WORDS)
    ]

    optional = [found for found in secrets if found[0] in _OPTIONAL_SECRETS]
    needed = [found for found in secrets if found not in optional]

    assert {*optional} == {(name, ":-", "") for name in _OPTIONAL_SECRETS}
    assert {name for name, _, _ in needed} == {
        "APOLLO_POSTGRES_PASSWORD",
        "TEMPORAL_POSTGRES_PASSWORD",
        "APOLLO_WEBHOOK_SECRET",
        "APOLLO_ROTARY_API_KEY",
    }
    assert all(operator == ":?" and message.startswith(f"set {name}, ") for name, operator, message in needed)


@pytest.mark.parametrize("service", OURS)
def test_every_apollo_variable_is_a_setting(service: str) -> None:
    assert {name for name in environment(service) if name.startswith("APOLLO_")} <= variables().keys()


def test_database_and_temporal_are_named_to_everyone_who_works_with_them() -> None:
    for service in ("migrate", "api", "worker"):
        assert {"APOLLO_DATABASE_URL", "PGPASSWORD", "APOLLO_TEMPORAL_ADDRESS"} <= environment(service).keys()


def test_api_knows_that_it_is_not_on_loopback_and_takes_no_unsigned_webhook() -> None:
    settings = Settings.model_construct(api_host=environment("api")["APOLLO_API_HOST"])

    assert f"--host={settings.api_host}" in services()["api"].command
    assert settings.unsigned_webhooks_allowed is False
    assert "APOLLO_WEBHOOK_SECRET" in environment("api")


def test_worker_reaches_the_simulator_by_the_contract_it_speaks() -> None:
    worker = environment("worker")

    assert worker["APOLLO_PROVIDER"] == f"${{APOLLO_PROVIDER:-{ProviderName.ROTARY}}}"
    assert worker["APOLLO_ROTARY_BASE_URL"] == "${APOLLO_ROTARY_BASE_URL:-http://simulator:8090}"
    assert "--port=8090" in services()["simulator"].command


def test_worker_is_told_everything_about_the_provider() -> None:
    of_providers = ("APOLLO_PROVIDER", "APOLLO_ROTARY_", "APOLLO_JAMBONZ_")
    wanted = {name for name in variables() if name.startswith(of_providers)}
    worker = environment("worker")

    assert wanted <= worker.keys()
    assert all(worker[name].startswith(f"${{{name}:") for name in wanted)


def test_api_knows_the_provider_and_its_words() -> None:
    assert {"APOLLO_PROVIDER", "APOLLO_ROTARY_STATUS_MAP"} <= environment("api").keys()


def test_search_attributes_are_registered_before_anything_of_ours_starts() -> None:
    [script] = services()["temporal-names"].command
    pairs = re.search(
        r"for pair in (.*?); do\n *temporal operator search-attribute create", script, re.DOTALL
    )

    assert pairs is not None
    assert pairs.group(1).replace("\\", "").split() == [
        f"{name}={kind}" for name, kind in SEARCH_ATTRIBUTES.items()
    ]
    for service in ("api", "worker"):
        waits_for = services()[service].depends_on
        assert waits_for["temporal-names"] == {"condition": "service_completed_successfully"}
        assert waits_for["migrate"] == {"condition": "service_completed_successfully"}


def test_image_holds_every_package_and_module_that_is_installed() -> None:
    dockerfile, ignored = (ROOT / "Dockerfile").read_text(), (ROOT / ".dockerignore").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    found = project["tool"]["setuptools"]["packages"]["find"]["include"]
    rooms = {pattern.removesuffix("*") for pattern in found}

    assert rooms == set(re.findall(r"^COPY (\w+) \1$", dockerfile, re.MULTILINE))
    assert rooms == set(re.findall(r"^!(\w+)/$", ignored, re.MULTILINE))
    assert "COPY *.py ./" in dockerfile
    assert "!*.py" in ignored
