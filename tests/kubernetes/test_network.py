"""Every pod is under a policy of its own, and reaches nothing but what its work needs."""

import pytest

from tests.kubernetes.chart import Manifest, examples, names, of_kind, pods

pytestmark = pytest.mark.process

DNS, API, POSTGRES, TEMPORAL, TRACES, PROVIDER = 53, 8000, 5432, 7233, 4318, 8443


def policies() -> dict[str, Manifest]:
    """Return what the policies of the widest example say, by part."""
    return {
        name: each["spec"] for name, each in of_kind("NetworkPolicy", examples()["roles"].manifests).items()
    }


@pytest.mark.parametrize("example", names())
def test_every_pod_is_under_one_policy_in_both_directions(example: str) -> None:
    manifests = examples()[example].manifests
    rules = of_kind("NetworkPolicy", manifests)

    assert rules.keys() == pods(manifests).keys()
    for part, pod in pods(manifests).items():
        spec = rules[part]["spec"]
        assert spec["policyTypes"] == ["Ingress", "Egress"]
        assert spec["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()


@pytest.mark.parametrize(
    ("part", "reached"),
    [
        pytest.param("api", {DNS, POSTGRES, TEMPORAL, TRACES}),
        pytest.param("web", {DNS, API}),
        pytest.param("migrate", {DNS, POSTGRES}),
        pytest.param("worker-control", {DNS, POSTGRES, TEMPORAL, TRACES}),
        pytest.param("worker-contact", {DNS, POSTGRES, TEMPORAL, TRACES}),
        pytest.param("worker-dial", {DNS, POSTGRES, TEMPORAL, TRACES, 443, PROVIDER}),
        pytest.param("worker-store", {DNS, POSTGRES, TEMPORAL, TRACES, 443, PROVIDER}),
    ],
)
def test_part_reaches_only_these_ports(part: str, reached: set[int]) -> None:
    ways = policies()[part]["egress"]

    assert {port["port"] for way in ways for port in way["ports"]} == reached


def test_workers_and_migrations_are_reached_by_nobody_but_scrapers_of_metrics() -> None:
    for part, spec in policies().items():
        open_ports = [port["port"] for way in spec.get("ingress", []) for port in way["ports"]]
        expected = {"api": ["http"], "web": ["http"], "migrate": []}.get(part, ["metrics"])
        assert open_ports == expected, part


def test_without_scrapers_nobody_reads_the_metrics_of_workers() -> None:
    rules = of_kind("NetworkPolicy", examples()["smallest"].manifests)

    assert "ingress" not in rules["worker"]["spec"]


def test_console_reaches_the_api_although_its_clients_are_named() -> None:
    [way] = policies()["api"]["ingress"]
    peers = [each["podSelector"]["matchLabels"] for each in way["from"] if "podSelector" in each]

    assert [each["app.kubernetes.io/component"] for each in peers] == ["web"]


def test_ingress_opens_what_asks_for_a_token_or_a_signature_and_nothing_else() -> None:
    [rule] = of_kind("Ingress", examples()["roles"].manifests)["api"]["spec"]["rules"]

    assert [path["path"] for path in rule["http"]["paths"]] == ["/api", "/webhooks"]
