"""Stops the embedded Postgres when the process that started it dies without doing so.

Postgres detaches from its parent, so the kernel cannot be asked to end it.
Run as a program, this file waits until its standard input closes, which its parent's death does.
"""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from embedded.module_command import module_command, python_path

_END_SECONDS = 10


@contextmanager
def guarded(folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Guard the Postgres of `folder` while this process lives; the guard ends with the block."""
    guard = subprocess.Popen(  # noqa: S603 - the command line is ours
        module_command("embedded.postgres_guard", str(folder)),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=dict(environment) | {"PYTHONPATH": python_path(environment)},
        start_new_session=True,
    )
    try:
        yield
    finally:
        guard.kill()
        guard.communicate(timeout=_END_SECONDS)


def stop_left_over(folder: Path) -> None:
    """Stop the server of `folder`, unless somebody else has taken it over."""
    # Imported when needed: the guard waits for days with next to nothing in memory.
    from embedded.postgres import EmbeddedPostgres, FolderInUse

    server = EmbeddedPostgres(folder)
    try:
        server.start()
    except FolderInUse:
        return
    server.stop()


if __name__ == "__main__":
    sys.stdin.read()
    stop_left_over(Path(sys.argv[1]))
