"""The page on metrics names those that are kept, all of them, and no other."""

import re
from pathlib import Path

from prometheus_client import generate_latest

from observability.metrics import Telemetry
from observability.worker_metrics import WorkerTelemetry

PAGE = (Path(__file__).resolve().parents[2] / "docs/observability.md").read_text()
_KEPT = re.compile(r"^# TYPE (apollo_\w+)", re.MULTILINE)
_NAMED = re.compile(r"`(apollo_\w+)(?:\{([\w,]+)\})?`")
WITHOUT_SAMPLES = {"apollo_webhook_relayed_total"}
"""Kept for those who look for it; nobody need watch it."""


def kept() -> set[str]:
    """Every name, but those of when a counter was made, which the library adds by itself."""
    page = (Telemetry().exposition() + generate_latest(WorkerTelemetry().registry)).decode()
    return {name for name in _KEPT.findall(page) if not name.endswith("_created")}


def test_every_metric_is_on_the_page_and_every_name_on_the_page_is_kept() -> None:
    assert {name for name, _ in _NAMED.findall(PAGE)} == kept() - WITHOUT_SAMPLES
