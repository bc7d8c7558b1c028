"""A small disk for the database, which can be filled: a file system in memory, which takes root to mount."""

import os
import shutil
import subprocess
from pathlib import Path

MEGABYTES = 320
_PAGE = 4096
HOW_TO_GET_IT = "no disk can be filled here: it takes Linux and root to mount a small one"


def can_be_had() -> bool:
    """Tell whether a file system can be mounted."""
    return os.name == "posix" and os.geteuid() == 0 and shutil.which("mount") is not None


class SmallDisk:
    """A folder with a disk of its own, where one can be had."""

    def __init__(self, folder: Path) -> None:
        """Mount it, empty; anybody may enter, for the database runs as another user."""
        self._folder = folder
        self._ballast = folder / "ballast"
        folder.mkdir(parents=True)
        self.is_small = can_be_had()
        if self.is_small:
            options = f"size={MEGABYTES}m,mode=0755"
            _run("mount", "-t", "tmpfs", "-o", options, "apollo-storm", str(folder))

    def fill(self) -> None:
        """Leave less than a page, while others go on writing."""
        with self._ballast.open("wb") as ballast:
            held, piece = 0, 64 * 1024 * 1024
            while piece >= _PAGE:
                try:
                    os.posix_fallocate(ballast.fileno(), held, piece)
                    held += piece
                except OSError:
                    piece //= 2

    def clear(self) -> None:
        """Give the space back."""
        self._ballast.unlink(missing_ok=True)

    def close(self) -> None:
        """Unmount it; whoever used it has ended."""
        if self.is_small:
            _run("umount", "--lazy", str(self._folder))
            self.is_small = False


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, timeout=10)  # noqa: S603 - our own words
