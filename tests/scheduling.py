"""What xdist gives to one process whole: a file, or a folder of files that share a stack."""

from pathlib import Path

from xdist.scheduler import LoadFileScheduling

from tests.tiers import together


class Scheduling(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """The scheduling of `--dist loadfile`, which keeps such a folder together too."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, _ = nodeid.partition("::")
        return str(together(Path(file)))
