"""Why a command failed: one line for stderr, and the exit code that scripts read."""

REFUSED = 1
"""The API said no, or the work did not end well."""
USAGE = 2
"""The command line or a file it names is wrong."""
UNREACHABLE = 3
"""The API does not answer."""


class CommandFailed(Exception):
    """The command cannot do what was asked."""

    exit_code = REFUSED


class UsageWrong(CommandFailed):
    """What was given on the command line, or in a file, cannot be used."""

    exit_code = USAGE


class RequestRefused(CommandFailed):
    """The API answered with a problem."""


class RequestConflicts(RequestRefused):
    """The state of an object forbids it, or the same request is still in progress."""


class ApiUnreachable(CommandFailed):
    """The API did not answer, or only said that it cannot work now."""

    exit_code = UNREACHABLE
