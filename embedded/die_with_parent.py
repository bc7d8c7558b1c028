"""Become another program that dies with its parent: die_with_parent.py PARENT SIGNAL USER PROGRAM [ARG …].

SIGNAL is what it gets when the process PARENT dies; an empty USER is the present one.

A program of its own instead of a hook between fork and exec, which is unsafe once threads run.
Standard library only, so that it starts in milliseconds.
"""

import ctypes
import os
import pwd
import signal
import sys

PR_SET_PDEATHSIG = 1  # prctl(2)


def main() -> None:
    """Tie this process to its parent's life where the system can, then run the program in its place."""
    parent, death_signal, user = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    if user:
        _become(user)
    # After the change of user, which would undo it.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal)
    # A shell that starts us in the background has us ignore them, and so would the program.
    for ignored in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(ignored, signal.SIG_DFL)
    # The parent may have died before the tie held; then nobody would ever end this process.
    if os.getppid() != parent:
        sys.exit(1)
    os.execvp(sys.argv[4], sys.argv[4:])  # noqa: S606 - no shell is wanted


def _become(user: str) -> None:
    entry = pwd.getpwnam(user)
    os.initgroups(user, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


if __name__ == "__main__":
    main()
