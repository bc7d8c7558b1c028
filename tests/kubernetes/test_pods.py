"""Each pod runs what the compose file runs, without privileges, and is told nothing that is no setting."""

import re

import pytest

from settings import variables
from tests.kubernetes.chart import (
    ROOT,
    Manifest,
    composed,
    container,
    every_pod,
    examples,
    names,
    of_kind,
    pods,
)
from worker import Role
from workflows.options import DIAL

pytestmark = pytest.mark.process

OF_OTHERS = {
    "FORWARDED_ALLOW_IPS",
    "HOME",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "PGPASSWORD",
    "TEMPORAL_ADDRESS",
    "TEMPORAL_API_KEY",
    "TEMPORAL_NAMESPACE",
    "TEMPORAL_TLS",
    "TEMPORAL_TLS_SERVER_CA_CERT_PATH",
    "TEMPORAL_TLS_SERVER_NAME",
}
"""Variables that libraries and Temporal's tools read by themselves."""
_SECRET_WORD = re.compile(r"PASSWORD|SECRET|TOKEN|KEY|EXTRA_HEADERS")
COMPOSED = composed()


def environment(pod: Manifest) -> dict[str, Manifest]:
    """Return a pod's variables by their names."""
    listed = container(pod)["env"]
    found = {each["name"]: each for each in listed}
    assert len(found) == len(listed)
    return found


@pytest.mark.parametrize("example", names())
def test_every_process_runs_the_command_of_the_compose_file(example: str) -> None:
    ours = pods(examples()[example].manifests)

    for part, pod in ours.items():
        if part != "temporal-names":
            assert container(pod)["command"] == COMPOSED[part]["command"], part


def test_every_role_has_a_worker_of_its_own_where_roles_are_split() -> None:
    workers = of_kind("Deployment", examples()["roles"].manifests).keys() - {"api", "web"}

    assert workers == {f"worker-{role}" for role in Role if role is not Role.ALL}


def test_every_variable_is_a_setting_or_one_that_a_library_reads() -> None:
    named = {name for pod in every_pod() for name in environment(pod)}

    assert {name for name in named if name.startswith("APOLLO_")} <= variables().keys()
    assert {name for name in named if not name.startswith("APOLLO_")} == OF_OTHERS


def test_secrets_are_told_by_reference_alone() -> None:
    secrets = [
        each for pod in every_pod() for name, each in environment(pod).items() if _SECRET_WORD.search(name)
    ]

    assert len(secrets) > len(examples())
    for each in secrets:
        assert each.keys() == {"name", "valueFrom"}
        assert each["valueFrom"]["secretKeyRef"].keys() == {"name", "key"}


@pytest.mark.parametrize(
    ("part", "told"),
    [
        pytest.param(
            "api", {"PGPASSWORD", "APOLLO_WEBHOOK_SECRET", "APOLLO_PAYLOAD_KEYS", "APOLLO_NUMBER_KEY"}
        ),
        pytest.param(
            "worker-dial", {"PGPASSWORD", "APOLLO_ROTARY_API_KEY", "APOLLO_PAYLOAD_KEYS", "APOLLO_NUMBER_KEY"}
        ),
        pytest.param("migrate", {"PGPASSWORD"}),
        pytest.param("web", set()),
    ],
)
def test_part_is_told_only_the_secrets_it_needs(part: str, told: set[str]) -> None:
    pod = pods(examples()["roles"].manifests)[part]

    assert {name for name, each in environment(pod).items() if "valueFrom" in each} == told


@pytest.mark.parametrize("part", ["api", "web", "worker"])
def test_what_the_compose_file_fixes_is_fixed_alike(part: str) -> None:
    composed = COMPOSED[part]["environment"]
    fixed = {name: str(value) for name, value in composed.items() if re.search(r"_(HOST|PORT)$", name)}
    told = environment(pods(examples()["smallest"].manifests)[part])

    assert fixed
    assert {name: told[name]["value"] for name in fixed} == fixed


def test_nothing_is_set_to_an_empty_value() -> None:
    assert all(each.get("value") != "" for pod in every_pod() for each in environment(pod).values())


def test_where_the_provider_posts_follows_from_the_ingress_unless_it_is_set() -> None:
    told = environment(pods(examples()["smallest"].manifests)["worker"])

    assert told["APOLLO_WEBHOOK_URL"]["value"] == "https://apollo.example.com/webhooks/call-status"


def test_every_process_runs_as_nobody_without_privileges_and_writes_only_to_its_tmp() -> None:
    for pod in every_pod():
        of_pod, of_container = pod["spec"]["securityContext"], container(pod)["securityContext"]
        assert (of_pod["runAsNonRoot"], of_pod["seccompProfile"]) == (True, {"type": "RuntimeDefault"})
        assert f"USER {of_pod['runAsUser']}\n" in (ROOT / "Dockerfile").read_text()
        assert of_container == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        written = [each for each in container(pod)["volumeMounts"] if not each.get("readOnly")]
        assert written == [{"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108


def test_no_pod_holds_a_token_of_the_cluster_or_reads_its_services_as_settings() -> None:
    for pod in every_pod():
        spec = pod["spec"]
        assert (spec["automountServiceAccountToken"], spec["enableServiceLinks"]) == (False, False)


def test_every_process_says_what_it_needs_and_has_a_limit_of_memory() -> None:
    for pod in every_pod():
        resources = container(pod)["resources"]
        assert resources["requests"].keys() == {"cpu", "memory"}
        assert "memory" in resources["limits"]


def test_pods_are_given_as_long_to_stop_as_the_compose_file_gives() -> None:
    grace = {pod["spec"]["terminationGracePeriodSeconds"] for pod in every_pod()}

    assert grace == {int(COMPOSED["worker"]["stop_grace_period"].removesuffix("s"))}
    assert min(grace) > DIAL["start_to_close_timeout"].seconds


@pytest.mark.parametrize("example", names())
def test_whoever_serves_is_probed_and_kept_through_disruptions(example: str) -> None:
    manifests = examples()[example].manifests
    deployments, budgets = of_kind("Deployment", manifests), of_kind("PodDisruptionBudget", manifests)

    assert budgets.keys() == deployments.keys()
    for name, each in deployments.items():
        pod = each["spec"]["template"]
        assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container(pod).keys()
        labels, chosen = pod["metadata"]["labels"], each["spec"]["selector"]["matchLabels"]
        assert chosen.items() <= labels.items()
        assert budgets[name]["spec"] == {"maxUnavailable": 1, "selector": {"matchLabels": chosen}}
        assert each["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_probe_asks_a_port_that_its_container_names() -> None:
    for pod in every_pod():
        process = container(pod)
        ports = {each["name"] for each in process.get("ports", [])}
        asked = {process[probe]["httpGet"]["port"] for probe in process if probe.endswith("Probe")}
        assert asked <= ports
