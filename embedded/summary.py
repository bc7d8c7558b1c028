"""The summary on the terminal once everything runs."""

from collections.abc import Iterator

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from embedded.stack import RunningStack
from embedded.supervisor import Say

_CREATE = 'apollo campaigns create --name "First calls" --agent agent_demo --phone +14155550180'


def say_on(console: Console) -> Say:
    """Return what prints one line as it is."""
    return lambda line: console.print(Text(line), soft_wrap=True)


def show_summary(stack: RunningStack, console: Console) -> None:
    """Print every address and the first commands to try."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _rows(stack):
        table.add_row(name, Text(value))
    console.print(
        Panel(table, title="Apollo is running", title_align="left", border_style="green", expand=False)
    )
    # Outside the frame and unwrapped, so that they can be copied.
    curl = f"curl -H 'Authorization: Bearer {stack.token}' {stack.plan.api_url}/api/v1/campaigns/"
    ending = "Ctrl-C stops everything; the data folder is kept."
    for line in ("Try:", f"  {_CREATE}", f"  {curl}", *_another_worker(stack), ending):
        say_on(console)(line)


def _another_worker(stack: RunningStack) -> Iterator[str]:
    if stack.parts is None:
        return
    way = stack.parts.another_worker()
    names = " and ".join(f"${name}" for name in way.secrets)
    yield "Another worker, from another terminal" + (f" with {names} set there:" if names else ":")
    yield f"  {way.line}"


def _rows(stack: RunningStack) -> list[tuple[str, str]]:
    plan = stack.plan
    rows = [("Web console", plan.settings.web_url)] if plan.has_console else []
    rows += [("API docs", f"{plan.api_url}/docs"), ("API base", f"{plan.api_url}/api/v1")]
    if stack.temporal_ui_url is not None:
        rows.append(("Temporal Web UI", stack.temporal_ui_url))
    rows.append(("Temporal address", stack.temporal_address))
    if plan.owns_simulator:
        rows.append(("Simulator ledger", f"{plan.simulator_url}/ledger"))
    rows += [
        ("API token", stack.token),
        ("Data folder", str(plan.settings.data_dir)),
        ("Logs", str(plan.log_dir)),
    ]
    return rows
