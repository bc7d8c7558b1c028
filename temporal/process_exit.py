"""Leaving a process that used the Temporal SDK.

On Python 3.12 and older an interpreter that ran the SDK may abort while it finalises, with code 134
(github.com/temporalio/sdk-python, issue 300); everything is closed by then, so finalising is skipped.
"""

import os
import sys
from typing import NoReturn


def leave(code: int) -> NoReturn:
    """Flush and end the process with this exit code."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
