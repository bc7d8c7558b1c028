"""What people and machines look at beside the API: console, Temporal's Web UI, Prometheus, Grafana."""

import time
from collections.abc import Mapping
from typing import Any

import httpx

from deploy.verify.addresses import CONSOLE, GRAFANA, PROMETHEUS, TEMPORAL_UI
from deploy.verify.stack import ROLES, StackFailed

_SCRAPED_WITHIN_SECONDS = 60.0
_TARGETS = {"apollo-api": 2, "apollo-worker": len(ROLES)}


def look_at_console(token: str, batch_id: str) -> str:
    """Sign in as a person does and open the page of the batch. Raises StackFailed, httpx.HTTPError."""
    with httpx.Client(base_url=CONSOLE, headers={"Origin": CONSOLE}, timeout=15, trust_env=False) as browser:
        signed_in = browser.post("/sign-in", data={"token": token})
        page = browser.get(f"/batches/{batch_id}")
    if signed_in.status_code != httpx.codes.SEE_OTHER or not page.is_success or batch_id not in page.text:
        raise StackFailed(f"signing in answered {signed_in.status_code}, the batch {page.status_code}")
    return "signed in, the batch has its page"


def look_at_temporal_ui(batch_id: str) -> str:
    """Ask the Web UI for the batch's workflows. Raises StackFailed, httpx.HTTPError."""
    query = {"query": f"BatchId='{batch_id}'"}
    found = _json(f"{TEMPORAL_UI}/api/v1/namespaces/default/workflow-count", query)
    if int(found.get("count", 0)) < 1:
        raise StackFailed("the Web UI finds no workflow of the batch")
    if not _get(TEMPORAL_UI).is_success:
        raise StackFailed("the Web UI has no first page")
    return f"{found['count']} runs of the batch's workflows"


def look_at_prometheus() -> str:
    """Wait until every API process and worker is scraped, and no rule fails. Raises StackFailed."""
    end = time.monotonic() + _SCRAPED_WITHIN_SECONDS
    while (scraped := _scraped()) != _TARGETS:
        if time.monotonic() > end:
            raise StackFailed(f"scraped are {scraped}, not {_TARGETS}")
        time.sleep(2)
    rules = [
        each for group in _json(f"{PROMETHEUS}/api/v1/rules")["data"]["groups"] for each in group["rules"]
    ]
    failing = [each["name"] for each in rules if each.get("lastError")]
    if failing or not rules:
        raise StackFailed(f"{len(rules)} rules, of which fail: {', '.join(failing)}")
    return f"{sum(scraped.values())} targets up, {len(rules)} rules evaluated"


def look_at_grafana() -> str:
    """Find both dashboards without signing in, and ask Prometheus through it. Raises StackFailed."""
    boards = [each["title"] for each in _get(f"{GRAFANA}/api/search", {"type": "dash-db"}).json()]
    source = "/api/datasources/proxy/uid/apollo-prometheus/api/v1/query"
    found = _json(f"{GRAFANA}{source}", {"query": "sum(up)"})["data"]["result"]
    if len(boards) != 2 or not found:
        raise StackFailed(f"dashboards are {boards}, and Prometheus answers {found}")
    return f"dashboards {', '.join(boards)}; {found[0]['value'][1]} targets up"


def _scraped() -> dict[str, int]:
    targets = _json(f"{PROMETHEUS}/api/v1/targets")["data"]["activeTargets"]
    up = [each["labels"]["job"] for each in targets if each["health"] == "up"]
    return {job: up.count(job) for job in sorted(set(up))}


def _json(url: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
    body: dict[str, Any] = _get(url, query).raise_for_status().json()
    return body


def _get(url: str, query: Mapping[str, str] | None = None) -> httpx.Response:
    return httpx.get(url, params=query, timeout=15, trust_env=False)
