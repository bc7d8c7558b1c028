"""What arrived at the phones, by sipp's own record of every message: the oracle for who was rung."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SCENARIO = Path(__file__).with_name("people.xml")

_MESSAGE = re.compile(
    r"^UDP message received \[\d+\] bytes :\n\n(.*?)(?=^-{20,} |\Z)", re.MULTILINE | re.DOTALL
)
_REQUEST = re.compile(r"([A-Z]+) sip:\S+ SIP/2\.0$")
_USER = re.compile(r"sip:([^@>;]+)@")


@dataclass(frozen=True)
class Received:
    """A request; equal ones are retransmissions."""

    method: str
    caller: str
    called: str
    branch: str


class FarEnd:
    """The phones of `people.xml` on one UDP port."""

    def __init__(self, folder: Path, *, port: int, media_port: int) -> None:
        self.address = f"127.0.0.1:{port}"
        self._messages = folder / "messages.log"
        self._errors = folder / "errors.log"
        self.argv = (
            *("sipp", "-sf", str(SCENARIO), "-nostdin"),
            *("-i", "127.0.0.1", "-p", str(port), "-mp", str(media_port)),
            *("-trace_msg", "-message_file", str(self._messages)),
            *("-trace_err", "-error_file", str(self._errors)),
        )

    def requests(self, method: str) -> Counter[str]:
        """Return how often each number got a request, retransmissions not counted."""
        return Counter(each.called for each in set(self._received()) if each.method == method)

    def callers(self) -> set[str]:
        """Return the numbers that INVITEs came from."""
        return {each.caller for each in self._received() if each.method == "INVITE"}

    def complaints(self) -> str:
        """Return what came that no phone expected."""
        return self._errors.read_text() if self._errors.exists() else ""

    def _received(self) -> Iterator[Received]:
        text = self._messages.read_text() if self._messages.exists() else ""
        for message in _MESSAGE.findall(text.replace("\r\n", "\n")):
            first, *lines = message.splitlines()
            request = _REQUEST.match(first)
            if request is not None:
                headers = dict(line.split(": ", 1) for line in lines if ": " in line)
                yield Received(
                    request[1],
                    _user(headers["From"]),
                    _user(headers["To"]),
                    headers["Via"].partition("branch=")[2].partition(";")[0],
                )


def _user(header: str) -> str:
    found = _USER.search(header)
    return found[1] if found else ""
