"""Alerts and dashboards ask for metrics that are kept, and each alert leads to a section of the runbook."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest

from observability.metrics import Telemetry
from observability.worker_metrics import WorkerTelemetry

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "deploy/prometheus"
DASHBOARDS = sorted((ROOT / "deploy/grafana/dashboards").glob("*.json"))
RULES: list[dict[str, Any]] = yaml.safe_load((PROMETHEUS / "apollo.rules.yml").read_text())["groups"][0][
    "rules"
]
TRIED: list[dict[str, Any]] = yaml.safe_load((PROMETHEUS / "apollo.rules.test.yml").read_text())["tests"]
_NAME = re.compile(r"\b((?:apollo|temporal|process)_\w+|up)\b")
_LABELLED = re.compile(r"\b((?:apollo|temporal)_\w+)\{([^}]*)\}")
_LABEL = re.compile(r"(\w+)\s*[=!]~?")
_HEADING = re.compile(r"^##+ (.+)$", re.MULTILINE)
_TYPE = re.compile(r"^# TYPE (\w+) (\w+)", re.MULTILINE)


def kept() -> set[str]:
    """Every series our processes keep, histograms by their parts, and what the page tells of the SDK's."""
    text = (Telemetry().exposition() + generate_latest(WorkerTelemetry().registry)).decode()
    names = {"up"}
    for name, kind in _TYPE.findall(text):
        names |= {f"{name}_bucket", f"{name}_count", f"{name}_sum"} if kind == "histogram" else {name}
    for name in re.findall(r"`(temporal_\w+)", (ROOT / "docs/observability.md").read_text()):
        names |= {name} if name.endswith(("_total", "_available")) else {f"{name}_bucket"}
    return names


def queries() -> Iterator[tuple[str, str]]:
    """Every query with where it stands."""
    for rule in RULES:
        yield rule["alert"], rule["expr"]
    for board in DASHBOARDS:
        for panel in json.loads(board.read_text())["panels"]:
            yield from ((f"{board.stem}: {panel['title']}", each["expr"]) for each in panel["targets"])


def anchors() -> set[str]:
    """The sections of the runbook, as links name them."""
    headings = _HEADING.findall((ROOT / "docs/runbook.md").read_text())
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("query", [pytest.param(query, id=place) for place, query in queries()])
def test_every_metric_that_is_asked_for_is_kept(query: str) -> None:
    asked = {name for name in _NAME.findall(query) if not name.endswith("_")}

    assert asked
    assert asked <= kept()


@pytest.mark.parametrize("query", [pytest.param(query, id=place) for place, query in queries()])
def test_every_label_that_is_asked_for_is_one_of_the_metric(query: str) -> None:
    page = (ROOT / "docs/observability.md").read_text()
    for name, chosen in _LABELLED.findall(query):
        whole = re.sub(r"_(bucket|count|sum)$", "", name)
        named = re.search(rf"`{whole}\{{([\w,]+)\}}`", page)
        if name.startswith("apollo_"):
            assert named is not None, whole
            assert set(_LABEL.findall(chosen)) <= set(named[1].split(","))


@pytest.mark.parametrize("rule", [pytest.param(each, id=each["alert"]) for each in RULES])
def test_every_alert_says_what_is_wrong_and_leads_to_the_runbook(rule: dict[str, Any]) -> None:
    page, _, anchor = rule["annotations"]["runbook"].partition("#")

    assert rule["annotations"]["summary"]
    assert page == "docs/runbook.md"
    assert anchor in anchors()
    assert rule["labels"]["severity"] in {"warning", "critical"}


def test_every_alert_is_tried_on_its_fault_and_on_a_healthy_time() -> None:
    names = {each["alert"] for each in RULES}
    healthy, *faults = TRIED

    assert {each["alertname"] for each in healthy["alert_rule_test"]} == names
    assert {each["name"].partition(",")[0] for each in faults} == names


def test_dashboards_are_told_apart_and_ask_the_provisioned_prometheus() -> None:
    source = yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/apollo.yml").read_text())
    boards = [json.loads(each.read_text()) for each in DASHBOARDS]
    asked = {panel["datasource"]["uid"] for board in boards for panel in board["panels"]}

    assert len({each["uid"] for each in boards}) == len(boards) == 2
    assert asked == {source["datasources"][0]["uid"]}


def test_compose_scrapes_the_ports_that_its_services_open() -> None:
    jobs = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"]
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    named = {
        name: each["dns_sd_configs"][0]["port"]
        for each in jobs
        for name in each["dns_sd_configs"][0]["names"]
    }
    workers = {name: each for name, each in services.items() if name.startswith("worker")}

    assert named.keys() == {"api", *workers}
    for name, each in workers.items():
        assert each["environment"]["APOLLO_WORKER_METRICS_PORT"] == str(named[name])
    assert f"--port={named['api']}" in services["api"]["command"]
