"""The data folder: one stack at a time, and the token that opens its API."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from domain.access import TOKEN_MARK
from embedded.errors import DataFolderBusy
from store.access.secrets import new_secret

TOKEN_FILE = "token"  # noqa: S105 - a file's name


@contextmanager
def held(data_dir: Path) -> Iterator[None]:
    """Hold the data folder for this process. Raises DataFolderBusy.

    The system lets go when the process ends, however it ends; the file itself stays and means nothing.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / "lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataFolderBusy(data_dir) from error
        yield


def is_held(data_dir: Path) -> bool:
    """Tell whether a stack runs on the data folder now."""
    try:
        with held(data_dir):
            return False
    except DataFolderBusy:
        return True


def kept_token(data_dir: Path) -> str:
    """Return the folder's token, made at the first call; only its owner may read the file."""
    found = read_token(data_dir)
    if found is not None:
        return found
    token = new_secret()
    write_private(data_dir / TOKEN_FILE, token)
    return token


def read_token(data_dir: Path) -> str | None:
    """Return the folder's token, None when it has none that could be one."""
    try:
        token = (data_dir / TOKEN_FILE).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    return token if token.startswith(TOKEN_MARK) else None


def write_private(path: Path, text: str) -> None:
    """Write one line that only its owner may read, in place of what was there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text + "\n")
