"""Lines of every origin look alike: ours, the SDK's, the engine's beneath it, the web server's."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[1]
SPEAK = """
import logging, sys
import structlog
from observability.logging import configure_logs
from temporal.sdk_logging import forward_sdk_logs

logging.getLogger("uvicorn").addHandler(logging.StreamHandler(sys.stdout))
configure_logs("info", process="test", as_json=sys.argv[1] == "json")
forward_sdk_logs()
with structlog.contextvars.bound_contextvars(workflow_id="batch/btc_1/c/con_1", attempt=2):
    structlog.get_logger("ours").info("asked")
told = {"workflow_id": "batch/btc_1", "run_id": "run_1", "workflow_type": "BatchWorkflow", "attempt": 7}
logging.getLogger("temporalio.workflow").warning("ignored", extra={"temporal_workflow": told})
logging.getLogger("uvicorn.error").info("served", extra={"color_message": "served"})
try:
    raise KeyError("broken")
except KeyError:
    told = {"temporal_activity": {"activity_type": "a"}}
    logging.getLogger("temporalio.activity").exception("failed", extra=told)
"""


def lines(form: str) -> list[str]:
    """Return what a process that speaks wrote to standard error; to standard output it writes nothing."""
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", SPEAK, form], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_json_lines_carry_the_ids_of_whatever_spoke() -> None:
    ours, sdk, server, failed = (json.loads(line) for line in lines("json"))

    ids = {"batch_id": "btc_1", "contact_id": "con_1", "workflow_id": "batch/btc_1/c/con_1", "attempt": 2}
    assert {name: ours[name] for name in ids} == ids
    for line in (ours, sdk, server, failed):
        assert line.pop("timestamp").endswith("Z")
        assert line.pop("process") == "test"
    assert sdk == {
        "event": "ignored",
        "logger": "temporalio.workflow",
        "level": "warning",
        "workflow_id": "batch/btc_1",
        "run_id": "run_1",
        "workflow": "BatchWorkflow",
        "batch_id": "btc_1",
    }
    assert server == {"event": "served", "logger": "uvicorn.error", "level": "info"}
    assert (failed["activity"], "KeyError" in failed["exception"]) == ("a", True)


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_line_is_coloured_where_nobody_looks(form: str) -> None:
    assert not any("\x1b" in line for line in lines(form))


def test_lines_for_the_eye_say_the_same() -> None:
    ours, sdk, *_ = lines("console")

    assert "asked" in ours
    assert "contact_id=con_1" in ours
    assert "batch_id=btc_1" in sdk
