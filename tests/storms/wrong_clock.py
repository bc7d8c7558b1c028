"""A wall clock of one process that may be set wrong while the process runs, by a small preloaded library."""

import shutil
import struct
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

HOW_TO_GET_IT = (
    "no clock can be set wrong here: it takes Linux and a C compiler (on Debian, apt-get install gcc)"
)
_SOURCE = Path(__file__).with_suffix(".c")


def can_be_had() -> bool:
    """Tell whether the library can be built."""
    return sys.platform == "linux" and shutil.which("cc") is not None


def build(folder: Path) -> Path | None:
    """Build the library in a folder; None where it cannot be had."""
    if not can_be_had():
        return None
    library = folder / "wrong_clock.so"
    told = ("cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(_SOURCE))
    subprocess.run(told, check=True, timeout=60)  # noqa: S603 - our own words
    return library


class WrongClock:
    """What one part takes for the time of day; right at first."""

    def __init__(self, file: Path, library: Path | None) -> None:
        self._file, self._library = file, library
        file.write_bytes(struct.pack("q", 0))

    @property
    def environment(self) -> Mapping[str, str]:
        """What the part is told; nothing without the library."""
        if self._library is None:
            return {}
        return {"LD_PRELOAD": str(self._library), "WRONG_CLOCK": str(self._file)}

    def set(self, seconds: int) -> None:
        """Put the clock forward, or back, at once."""
        with self._file.open("r+b") as file:  # in place, for the part has it mapped
            file.write(struct.pack("q", seconds))
