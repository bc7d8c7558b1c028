"""`apollo up`: run the stack until somebody stops it."""

from pathlib import Path

from rich.console import Console

from embedded.errors import EmbeddedError
from embedded.plan import StackPlan
from embedded.stack import running
from embedded.stop_request import StopRequest, StopRequested
from embedded.summary import say_on, show_summary
from settings import Settings, inherited_environment


def run_until_stopped(settings: Settings, console: Console) -> None:
    """Run the whole stack until a stop is requested. The data folder of the settings is absolute.

    Raises EmbeddedError when it cannot start or a part keeps dying, with nothing left running.
    """
    plan = StackPlan(
        settings=settings, environment=inherited_environment(), working_dir=Path.cwd(), has_console=True
    )
    with StopRequest() as stop:
        try:
            _run(plan, stop, console)
        except StopRequested:
            pass
        except EmbeddedError:
            # A Ctrl-C also reaches the short-lived programs that prepare Postgres.
            if not stop.is_raised:
                raise
    console.print("Stopped.")


def _run(plan: StackPlan, stop: StopRequest, console: Console) -> None:
    with running(plan, stop, say_on(console)) as stack:
        show_summary(stack, console)
        try:
            stack.watch()
        finally:
            console.print("Stopping …")
