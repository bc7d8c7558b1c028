"""What each part of a stack has used of the processors, and keeps in memory.

Far steadier than seconds on a shared machine.
"""

import os
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256

import psutil

from embedded.stack import RunningStack

_HASHES = 5_000


def processor_seconds(stack: RunningStack) -> Mapping[str, float]:
    """Return the user and system seconds of every part so far, the benchmark's own process included."""
    used = {child.name: _of_family(child.pid) for child in stack.children}
    return used | {"bench": sum(os.times()[:2])}


def yardstick_seconds() -> float:
    """Return the processor time of a piece of work, always the same: it tells how fast a machine is now.

    Processors are shared, by machines too: within an hour the same work may take twice as long.
    """
    began = time.thread_time()
    for number in range(_HASHES):
        sha256(number.to_bytes(64, "big")).digest()
    return time.thread_time() - began


def memory_bytes(stack: RunningStack) -> Mapping[str, int]:
    """Return what every part keeps in memory, what its processes share counted once."""
    return {child.name: sum(map(_memory_of, _family(child.pid))) for child in stack.children}


def milliseconds_each(
    before: Mapping[str, float], after: Mapping[str, float], contacts: int
) -> Mapping[str, float]:
    """Return what every part used between two looks, per contact, in milliseconds."""
    return {part: (after[part] - before[part]) / contacts * 1000 for part in after}


def _of_family(pid: int) -> float:
    return sum(map(_of_process, _family(pid)))


def _family(pid: int) -> Sequence[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _memory_of(process: psutil.Process) -> int:
    try:
        found: int = process.memory_full_info().pss
    except (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
        return 0
    return found


def _of_process(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return 0.0
    # A backend that ended is counted by the parent that waited for it.
    used: float = times.user + times.system + times.children_user + times.children_system
    return used
