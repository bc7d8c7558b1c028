"""Reading `multipart/form-data`: short text fields in memory, the file on disk once it is large."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING

from anyio import to_thread
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from api.body import limited_chunks
from domain.errors import FieldError, InvalidRequest

if TYPE_CHECKING:  # the parser's own description of itself, absent at run time
    from python_multipart.multipart import MultipartCallbacks

FILE = "file"
FIELD_LIMIT = 1024 * 1024
PARTS_LIMIT = 100

_KEPT_IN_MEMORY = 1024 * 1024
_BLOCK = 256 * 1024
"""Bytes handed to the parser at once; a hop to its thread costs some hundred microseconds."""

_BODY = ("body",)


@dataclass
class Form:
    """The parts of a form: text by name, and the file, if there is one."""

    fields: dict[str, str] = field(default_factory=dict)
    file: IO[bytes] | None = None


@contextmanager
def new_form() -> Iterator["FormReader"]:
    """Open a reader, and drop at the end what it keeps on disk."""
    with SpooledTemporaryFile(max_size=_KEPT_IN_MEMORY) as spool:
        yield FormReader(spool)


class FormReader:
    """Takes one form apart while it arrives."""

    def __init__(self, spool: IO[bytes]) -> None:
        """`spool` takes the content of the part `file`."""
        self._spool = spool
        self._form = Form()
        self._errors: list[FieldError] = []
        self._header = bytearray()
        self._value = bytearray()
        self._disposition = b""
        self._name = ""
        self._text = bytearray()
        self._parts = 0
        self._has_ended = False

    async def read(self, request: Request, limit: int) -> Form:
        """Return the form; the parser works in a thread, since a hostile body can make it slow.

        Raises BodyTooLarge, InvalidRequest.
        """
        parser = self._parser(request)
        block = bytearray()
        async for chunk in limited_chunks(request, limit):
            block += chunk
            if len(block) >= _BLOCK:
                parser = await to_thread.run_sync(self._feed, parser, bytes(block))
                block.clear()
        parser = await to_thread.run_sync(self._feed, parser, bytes(block))
        if parser is None or not self._has_ended:
            raise InvalidRequest([FieldError(_BODY, "Body is not valid multipart/form-data", "form_invalid")])
        if self._errors:
            raise InvalidRequest(self._errors)
        return self._form

    def _parser(self, request: Request) -> MultipartParser | None:
        _, options = parse_options_header(request.headers.get("content-type"))
        boundary = {name.lower(): value for name, value in options.items()}.get(b"boundary", b"")
        if not boundary:
            return None
        try:
            return MultipartParser(boundary, self._callbacks())
        except FormParserError:
            return None

    def _callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._begin_part,
            "on_header_field": self._take_header,
            "on_header_value": self._take_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._open_part,
            "on_part_data": self._take_data,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }

    @staticmethod
    def _feed(parser: MultipartParser | None, block: bytes) -> MultipartParser | None:
        """Go on without a parser once the form proved broken: the size of the body comes first."""
        if parser is None:
            return None
        try:
            parser.write(block)
        except FormParserError:
            return None
        return parser

    def _begin_part(self) -> None:
        self._parts += 1
        if self._parts > PARTS_LIMIT:
            raise FormParserError("too many parts")
        self._header, self._value, self._disposition = bytearray(), bytearray(), b""

    def _take_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _take_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header, self._value = bytearray(), bytearray()

    def _open_part(self) -> None:
        kind, options = parse_options_header(self._disposition)
        name = options.get(b"name")
        if kind != b"form-data" or name is None:
            raise FormParserError("a part without a name")
        self._name = name.decode("utf-8", "replace")
        self._text = bytearray()
        is_file = self._name == FILE
        if self._name in self._form.fields or (is_file and self._form.file is not None):
            self._errors.append(FieldError((*_BODY, self._name), "Field is given twice", "repeated"))
        if is_file:
            self._form.file = self._spool

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        if self._name == FILE:
            self._spool.write(data[start:end])
        elif len(self._text) <= FIELD_LIMIT:
            self._text += data[start:end]

    def _end_part(self) -> None:
        if self._name == FILE:
            return
        loc = (*_BODY, self._name)
        if len(self._text) > FIELD_LIMIT:
            self._errors.append(FieldError(loc, "Field is limited to 1 MB", "too_large"))
        try:
            self._form.fields[self._name] = self._text.decode("utf-8")
        except UnicodeDecodeError:
            self._errors.append(FieldError(loc, "Text is not UTF-8", "text_invalid"))

    def _end(self) -> None:
        self._has_ended = True
