"""A whole stack that is watched: each call counted once, one contact followed from upload to settled call."""

import csv
import io
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bench.collector import Collector, Span, a_collector
from bench.trace_picture import followed
from embedded.listening import free_ports
from tests.e2e.world import World, a_plan, a_world

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

PEOPLE = [f"+1415555{number:04d}" for number in range(101, 131)]
NAME, COMPANY = "Ludmilla Quexington", "Quexington Ltd"
STORY = (
    "POST /api/v1/batches",
    "StartWorkflow:BatchWorkflow",
    "StartChildWorkflow:ContactWorkflow",
    "RunWorkflow:ContactWorkflow",
    "StartActivity:place_call",
    "RunActivity:place_call",
    "provider dial",
    "StartActivity:settle_attempt",
    "RunActivity:settle_attempt",
    "CompleteWorkflow:ContactWorkflow",
)
"""Of a person who answers, in order."""


@dataclass
class Watched:
    """A stack after a batch in which calls go well and badly, and what was seen of it."""

    world: World
    collector: Collector
    worker_url: str
    batch_id: str

    def samples(self, name: str, url: str | None = None) -> Mapping[str, float]:
        """Return the samples of one metric, by their labels, of the worker unless told otherwise."""
        page = httpx.get(f"{url or self.worker_url}/metrics", trust_env=False).raise_for_status().text
        return {
            " ".join(value for _, value in sorted(each.labels.items())): each.value
            for family in text_string_to_metric_families(page)
            for each in family.samples
            if each.name == name
        }

    def calls(self) -> Sequence[Mapping[str, str]]:
        """Return every call of the batch."""
        answer = self.world.ask("GET", f"/batches/{self.batch_id}/export.csv?rows=calls")
        return list(csv.DictReader(io.StringIO(answer.raise_for_status().text)))


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    folder = Path(tempfile.mkdtemp(prefix="apollo-e2e-")).resolve()
    (port,) = free_ports(1)
    try:
        with a_collector() as collector:
            told = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "300"}
            plan = a_plan(folder, environment=told)
            settings = plan.settings.model_copy(update={"worker_metrics_port": port})
            with a_world(replace(plan, settings=settings)) as world:
                batch_id = _call_everybody(world)
                world.wait_for_end(batch_id)
                ended = "CompleteWorkflow:BatchWorkflow"
                world.wait_for(lambda: any(each["name"] == ended for each in collector.spans), 20)
                yield Watched(world, collector, f"http://127.0.0.1:{port}", batch_id)
    finally:
        shutil.rmtree(folder)


def _call_everybody(world: World) -> str:
    campaign = world.api.create_campaign(
        {
            "name": COMPANY,
            "agent_id": "agent_test",
            "phone_numbers": ["+14155550180"],
            "retry_policy": {"max_retries": 1, "cooldown_minutes": 0.02},
            "default_call_variables": {"company": COMPANY},
        }
    )
    contacts = [{"phone_number": each, "call_variables": {"name": NAME}} for each in PEOPLE]
    body = {"campaign_id": campaign["campaign_id"], "concurrency_limit": 10, "contacts": contacts}
    return str(world.ask("POST", "/batches", body).raise_for_status().json()["batch_id"])


def test_every_call_is_counted_once_however_its_ending_was_found(watched: Watched) -> None:
    told = Counter(each["call_status"] for each in watched.calls())

    counted: Counter[str] = Counter()
    for labels, count in watched.samples("apollo_calls_total").items():
        counted[labels.split()[-1]] += int(count)

    assert counted == told
    assert sum(counted.values()) > len(PEOPLE)
    # Some of these endings were told by no webhook: the simulator loses, holds and forgets.
    webhooks = watched.samples("apollo_webhook_events_total", watched.world.stack.plan.api_url)
    assert webhooks["accepted"] > 0
    assert watched.samples("apollo_calls_total", watched.world.stack.plan.api_url) == {}


def test_worker_tells_what_it_and_temporals_sdk_measured(watched: Watched) -> None:
    dials = watched.samples("apollo_dial_duration_seconds_count")
    latencies = watched.samples("temporal_activity_execution_latency_seconds_count")
    circuit = watched.samples("apollo_provider_circuit")

    assert dials["accepted"] >= len(PEOPLE)
    assert sum(count for labels, count in latencies.items() if "place_call" in labels) >= len(PEOPLE)
    assert circuit == {"simulator closed": 1, "simulator open": 0, "simulator half_open": 0}
    assert watched.samples("apollo_database_connections_limit") == {"worker": 20}


def test_database_is_told_of_by_the_api(watched: Watched) -> None:
    url = watched.world.stack.plan.api_url

    assert watched.samples("apollo_slots_in_use", url) == {"": 0}
    assert watched.samples("apollo_contacts_due", url) == {"": 0}


def test_one_contact_is_followed_from_its_upload_to_its_settled_call(watched: Watched) -> None:
    spans = [span for _, span in followed(watched.collector.spans)]
    contact = next(each for each in spans if each["name"] == "RunWorkflow:ContactWorkflow")
    above = {each["spanId"]: each for each in spans}
    of_contact = [each for each in spans if _stands_below(each, contact["parentSpanId"], above)]

    story = [each["name"] for each in [*spans[:2], above[contact["parentSpanId"]], *of_contact]]

    assert [name for name in STORY if name in story] == list(STORY)
    assert {each["process"] for each in spans} == {"apollo-api", "apollo-worker"}


def test_no_number_name_or_variable_is_in_any_span(watched: Watched) -> None:
    text = watched.collector.text

    assert watched.batch_id in text
    assert [each for each in PEOPLE if each.removeprefix("+") in text] == []
    assert [
        each for each in (*NAME.split(), COMPANY, "4155550180", watched.world.stack.token) if each in text
    ] == []


def test_spans_show_only_ids_routes_methods_and_statuses(watched: Watched) -> None:
    shown = {each["key"] for span in watched.collector.spans for each in span.get("attributes", [])}

    assert shown == {
        *("http.request.method", "http.route", "http.response.status_code"),
        *("temporalWorkflowID", "temporalRunID", "temporalActivityID"),
    }


def _stands_below(span: Span, top: str, above: Mapping[str, Span]) -> bool:
    parent = span.get("parentSpanId", "")
    return parent == top or (parent in above and _stands_below(above[parent], top, above))
