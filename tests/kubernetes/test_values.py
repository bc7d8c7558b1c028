"""What can be said to the chart: settings of today, no secret, and a clear refusal of anything else."""

import json
import re
import tomllib
from functools import cache
from typing import Any

import pytest

from settings import variables
from tests.kubernetes.chart import (
    CHART,
    ROOT,
    composed,
    container,
    examples,
    of_kind,
    pods,
    read_yaml,
    render,
)
from worker import Role
from workflows import names

pytestmark = pytest.mark.process

SAID_OTHERWISE = {
    "APOLLO_API_HOST",
    "APOLLO_API_PORT",
    "APOLLO_DATABASE_URL",
    "APOLLO_TEMPORAL_ADDRESS",
    "APOLLO_TEMPORAL_NAMESPACE",
    "APOLLO_WEB_API_URL",
    "APOLLO_WEB_HOST",
    "APOLLO_WEB_PORT",
    "APOLLO_WORKER_METRICS_HOST",
    "APOLLO_WORKER_METRICS_PORT",
}
"""Settings that the chart makes of its other values, or that its ports depend on."""
IN_PLACE = {"APOLLO_WORKER_BUILD_ID"}
"""An upgrade of the chart replaces pods, and workers of a former build have to stay."""
EMBEDDED = {"APOLLO_DATA_DIR", "APOLLO_TEMPORAL_PORT", "APOLLO_TEMPORAL_UI_PORT"}
VALUES = read_yaml(CHART / "values.yaml")
SCHEMA = json.loads((CHART / "values.schema.json").read_text())["properties"]


def secrets() -> set[str]:
    """Return the settings that are secrets."""
    return {name for name, field in variables().items() if "SecretStr" in str(field.annotation)}


def smallest(**changes: Any) -> dict[str, Any]:
    """Return the values of the smallest example, with some of them replaced."""
    values: dict[str, Any] = read_yaml(CHART / "examples/smallest.yaml")
    return {**values, **changes}


def test_every_setting_can_be_said_and_nothing_that_is_none() -> None:
    simulator = {name for name in variables() if name.startswith("APOLLO_SIM_")}
    settable = variables().keys() - secrets() - SAID_OTHERWISE - IN_PLACE - EMBEDDED - simulator

    assert set(SCHEMA["settings"]["propertyNames"]["enum"]) == settable


def test_every_secret_can_be_referred_to_and_nothing_else() -> None:
    referred = secrets() - {"APOLLO_DATABASE_URL"} | {"PGPASSWORD", "TEMPORAL_API_KEY"}

    assert SCHEMA["secrets"]["properties"]["keys"]["properties"].keys() == referred
    assert VALUES["secrets"]["keys"].keys() == referred


def test_chart_and_image_carry_the_version_of_the_product() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    chart = read_yaml(CHART / "Chart.yaml")
    api = pods(examples()["smallest"].manifests)["api"]

    assert (chart["version"], chart["appVersion"]) == (version, version)
    assert container(api)["image"] == f"apollo:{version}"


def test_namespace_and_search_attributes_are_made_as_in_the_compose_file() -> None:
    job = container(pods(examples()["smallest"].manifests)["temporal-names"])
    service = composed()["temporal-names"]
    [script] = service["command"]
    of_any_namespace = script.replace("$$", "$").replace(
        "--namespace default", '--namespace "$TEMPORAL_NAMESPACE"'
    )
    pairs = re.search(r"for pair in (.*?); do", job["command"][-1], re.DOTALL)

    assert job["image"] == service["image"]
    assert pairs is not None
    assert pairs.group(1).replace("\\", "").split() == [
        f"{name}={kind}" for name, kind in names.SEARCH_ATTRIBUTES.items()
    ]
    assert job["command"] == [*service["entrypoint"], of_any_namespace]


def test_tables_and_names_are_made_before_anything_of_ours_starts_or_is_replaced() -> None:
    jobs = of_kind("Job", examples()["smallest"].manifests)

    assert jobs.keys() == {"migrate", "temporal-names"}
    for each in jobs.values():
        assert each["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"


def test_roles_are_those_of_the_worker() -> None:
    assert VALUES["workers"]["roles"].keys() == set(Role)


def test_backlog_is_read_from_the_queues_that_a_role_serves() -> None:
    queues = {
        "control": (names.CONTROL_QUEUE, "workflow"),
        "contact": (names.CONTACT_QUEUE, "workflow"),
        "dial": (names.DIAL_QUEUE, "activity"),
        "store": (names.STORE_QUEUE, "activity"),
    }
    read = {
        name: {
            (each["metadata"]["taskQueue"], each["metadata"]["queueTypes"])
            for each in scaled["spec"]["triggers"]
        }
        for example in ("roles", "cloud")
        for name, scaled in of_kind("ScaledObject", examples()[example].manifests).items()
    }

    assert read == {f"worker-{role}": {queues[role]} for role in ("contact", "dial", "store")} | {
        "worker": set(queues.values())
    }


def test_number_of_pods_is_left_to_whoever_scales_them() -> None:
    manifests = examples()["roles"].manifests
    scaled = of_kind("ScaledObject", manifests).keys() | of_kind("HorizontalPodAutoscaler", manifests).keys()
    fixed = {name for name, each in of_kind("Deployment", manifests).items() if "replicas" in each["spec"]}

    assert (scaled, fixed) == (
        {"api", "worker-contact", "worker-dial", "worker-store"},
        {"web", "worker-control"},
    )


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no setting": ({"settings": {"APOLLO_RING_TIMEOUT": "30"}}, "APOLLO_RING_TIMEOUT"),
    "bare number": ({"settings": {"APOLLO_MAX_CALL_SECONDS": 900}}, "got number, want string"),
    "secret among settings": ({"settings": {"APOLLO_NUMBER_KEY": "x"}}, "APOLLO_NUMBER_KEY"),
    "no Secret": ({"secrets": {"existingSecret": ""}}, "/secrets/existingSecret"),
    "no database": ({"database": {"host": ""}}, "/database/host"),
    "password in the user": ({"database": {"host": "db", "user": "a:b"}}, "/database/user"),
    "password in the URL": (
        {"database": {"host": "db", "parameters": "password=x"}},
        "/database/parameters",
    ),
    "Temporal without port": ({"temporal": {"address": "temporal"}}, "/temporal/address"),
    "unknown value": ({"replicas": 3}, "replicas"),
    "no API": ({"api": {"replicas": 0}}, "/api/replicas"),
    "certificate of no Secret": (
        {"temporal": {"address": "t:7233", "tls": {"serverCa": "ca.crt"}}},
        "/certificates/existingSecret",
    ),
    "queue without worker": (
        {"workers": {"roles": {"all": {"replicas": 0}, "dial": {"replicas": 1}}}},
        "workers.roles.control",
    ),
    "nowhere to post": ({"api": {}}, "settings.APOLLO_WEBHOOK_URL or api.ingress.host"),
}
"""Values that cannot work, and what the refusal names."""


@cache
def refusals() -> dict[str, str]:
    """Return what Helm says to each of them."""
    wanted = [smallest(**changes) for changes, _ in REFUSED.values()]
    return {case: each.refused for case, each in zip(REFUSED, render(wanted), strict=True)}


@pytest.mark.parametrize("case", REFUSED)
def test_values_that_cannot_work_are_refused_and_the_answer_names_them(case: str) -> None:
    _, told = REFUSED[case]

    assert told in refusals()[case]
