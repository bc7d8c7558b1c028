"""How to run one of Apollo's own modules in a child process, from any working directory."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent


def module_command(module: str, *arguments: str) -> tuple[str, ...]:
    """Return the command line of a module."""
    # -P keeps folders of the working directory from being taken for Apollo's own packages.
    return (sys.executable, "-P", "-m", module, *arguments)


def python_path(environment: Mapping[str, str]) -> str:
    """Return the PYTHONPATH with which a child with this environment finds Apollo."""
    inherited = [folder for folder in environment.get("PYTHONPATH", "").split(os.pathsep) if folder]
    return os.pathsep.join(dict.fromkeys([str(_ROOT), *inherited]))
