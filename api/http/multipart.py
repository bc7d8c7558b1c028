"""Reading `multipart/form-data`: short text fields in memory, the file on disk once it is large."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from anyio import to_thread
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from api.http.uploads import BLOCK, Upload, new_spool
from domain.errors import FieldError, InvalidRequest

if TYPE_CHECKING:  # the parser's own description of itself, absent at run time
    from python_multipart.multipart import MultipartCallbacks

FILE = "file"
FIELD_LIMIT = 1024 * 1024
PARTS_LIMIT = 100

_BODY = ("body",)


@dataclass
class Form:
    """A form: text by name, and the file, if there is one."""

    fields: dict[str, str] = field(default_factory=dict)
    file: IO[bytes] | None = None


@contextmanager
def new_form() -> Iterator["FormReader"]:
    """Open a reader whose file on disk is dropped at the end."""
    with new_spool() as spool:
        yield FormReader(spool)


class FormReader:
    """Reads one form while it arrives, by the callbacks of `python-multipart`."""

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
        self._text_size = 0
        """Of all fields together; they stay in memory."""
        self._parts = 0
        self._has_ended = False

    async def read(self, upload: Upload) -> Form:
        """Return the form; the parser works in a thread, since it writes to the disk.

        Raises InvalidRequest, and what the chunks of an upload do.
        """
        parser = self._parser(upload.request)
        block = bytearray()
        async for chunk in upload.chunks():
            block += chunk
            if len(block) >= BLOCK:
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
        elif self._text_size <= FIELD_LIMIT:
            self._text += data[start:end]
            self._text_size += end - start

    def _end_part(self) -> None:
        if self._name == FILE:
            return
        loc = (*_BODY, self._name)
        if self._text_size > FIELD_LIMIT:
            self._errors.append(FieldError(loc, "Field is limited to 1 MB", "too_large"))
        try:
            self._form.fields[self._name] = self._text.decode("utf-8")
        except UnicodeDecodeError:
            self._errors.append(FieldError(loc, "Text is not UTF-8", "text_invalid"))

    def _end(self) -> None:
        self._has_ended = True
