"""A running baresip as a user agent: dial, hang up and listen, by its control port."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

MODULES = "/usr/lib/baresip/modules"
"""Where Debian's package puts them."""

_CONFIGURATION = """\
poll_method epoll
sip_listen 127.0.0.1:{sip_port}
ctrl_tcp_listen 127.0.0.1:{control_port}
call_max_calls 0
redial_attempts 0
audio_player aubridge,none
audio_source aubridge,none
audio_alert aubridge,none
module_path {modules}
module g711.so
module aubridge.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
"""


def write_user_agent(folder: Path, *, sip_port: int, control_port: int, number: str) -> tuple[str, ...]:
    """Write a baresip configuration with one line of that number and return how to run it."""
    folder.mkdir()
    configuration = _CONFIGURATION.format(sip_port=sip_port, control_port=control_port, modules=MODULES)
    (folder / "config").write_text(configuration)
    (folder / "accounts").write_text(f"<sip:{number}@127.0.0.1>;regint=0;audio_codecs=pcmu\n")
    for name in ("contacts", "uuid"):
        (folder / name).touch()
    return ("baresip", "-f", str(folder))


@dataclass(frozen=True, kw_only=True)
class LineEvent:
    """What baresip says of a call."""

    kind: str
    number: str
    """The user part of whom was called."""
    line_id: str
    detail: str


class UserAgent:
    """One connection to the control port; events go to `heard`, in order."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: Callable[[LineEvent], None]
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._heard = heard
        self._asking = asyncio.Lock()
        self._answers: asyncio.Queue[tuple[bool, str]] = asyncio.Queue()
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def connect(cls, port: int, heard: Callable[[LineEvent], None]) -> Self:
        """Connect to a baresip that listens already."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        return cls(reader, writer, heard)

    async def aclose(self) -> None:
        """Close the connection; calls go on."""
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        self._writer.close()
        await self._writer.wait_closed()

    async def dial(self, number: str, phones: str) -> bool:
        """Send an INVITE for the number to `phones`, host and port; tell whether it left."""
        async with self._asking:
            told, _ = await self._ask("dial", f"sip:{number}@{phones}")
            return told

    async def hang_up(self, line_id: str) -> bool:
        """End a call, by CANCEL or BYE as its state asks for; tell whether there was such a call."""
        async with self._asking:
            # `hangup` takes no id: it ends the call that was chosen last, so none may be chosen in between.
            found, answer = await self._ask("callfind", line_id)
            if not found or line_id not in answer:
                return False
            told, _ = await self._ask("hangup", "")
            return told

    async def _ask(self, command: str, params: str) -> tuple[bool, str]:
        text = json.dumps({"command": command, "params": params}).encode()
        self._writer.write(b"%d:%b," % (len(text), text))
        await self._writer.drain()
        async with asyncio.timeout(5):
            return await self._answers.get()

    async def _listen(self) -> None:
        while True:
            # A netstring: the length in digits, a colon, the text, a comma.
            length = int((await self._reader.readuntil(b":"))[:-1])
            told = json.loads((await self._reader.readexactly(length + 1))[:-1])
            if told.get("response"):
                self._answers.put_nowait((bool(told["ok"]), str(told["data"])))
            elif told.get("class") == "call":
                self._heard(_read_event(told))


def _read_event(told: dict[str, object]) -> LineEvent:
    called = str(told["peeruri"]).partition(":")[2].partition("@")[0]
    return LineEvent(
        kind=str(told["type"]), number=called, line_id=str(told["id"]), detail=str(told.get("param", ""))
    )
