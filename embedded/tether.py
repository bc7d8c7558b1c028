"""Become another program that dies with its parent: tether.py PARENT_PID PROGRAM [ARGUMENT …].

A program of its own instead of a hook between fork and exec, which is unsafe once threads run.
Standard library only, so that it starts in milliseconds.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # prctl(2)


def main() -> None:
    """Tie this process to its parent's life where the system can, then run the program in its place."""
    parent = int(sys.argv[1])
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have died before the tie held; then nobody would ever end this process.
    if os.getppid() != parent:
        sys.exit(1)
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
