"""What `apollo up` prints once everything runs."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from embedded.plan import StackPlan
from embedded.stack import RunningStack
from embedded.stop_request import StopRequest
from embedded.summary import show_summary
from settings import Settings


@pytest.mark.parametrize(
    ("has_console", "first"),
    [pytest.param(True, "Web console", id="with"), pytest.param(False, "API docs", id="without a console")],
)
def test_summary_names_the_web_console_first(has_console: bool, first: str) -> None:
    settings = Settings.model_construct(data_dir=Path("data"))
    plan = StackPlan(settings=settings, environment={}, working_dir=Path(), has_console=has_console)
    printed = io.StringIO()
    stack = RunningStack(plan, StopRequest(), lambda _: None)
    show_summary(stack, Console(file=printed, width=120))
    stack.end()

    rows = [line for line in printed.getvalue().splitlines() if line.startswith("│")]
    assert rows[0].startswith(f"│ {first}")
    assert "http://127.0.0.1:8030" in rows[0] or not has_console
