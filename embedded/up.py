"""`apollo up`: run the stack until somebody stops it."""

from pathlib import Path

from rich.console import Console

from embedded.errors import EmbeddedError
from embedded.plan import StackPlan
from embedded.stack import running
from embedded.stop_request import StopRequest, StopRequested
from embedded.summary import say_on, show_summary
from settings import Settings, inherited_environment


def run_until_stopped(settings: Settings, console: Console) -> int:
    """Run the whole stack; returns the exit code: 0 when all of it lived until the stop, else 1.

    The data folder of the settings is absolute.
    Raises EmbeddedError when it cannot start, with nothing left running.
    """
    plan = StackPlan(settings=settings, environment=inherited_environment(), working_dir=Path.cwd())
    with StopRequest() as stop:
        try:
            with running(plan, stop, say_on(console)) as stack:
                show_summary(stack, console)
                all_lived = stack.watch()
                console.print("Stopping …")
        except StopRequested:
            all_lived = True
        except EmbeddedError:
            # A Ctrl-C also reaches the short-lived programs that start and stop Postgres.
            if not stop.is_raised:
                raise
            all_lived = True
    console.print("Stopped.")
    return 0 if all_lived else 1
