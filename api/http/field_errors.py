"""The errors of a request, gathered up to the number that is listed."""

from pydantic import ValidationError

from domain.errors import MAX_LISTED_ERRORS, FieldError, InvalidRequest

Loc = tuple[str | int, ...]


class FieldErrors:
    """A growing list of errors that keeps the first hundred and counts all."""

    def __init__(self) -> None:
        self._listed: list[FieldError] = []
        self._count = 0

    def add(self, error: FieldError) -> None:
        self._count += 1
        if len(self._listed) < MAX_LISTED_ERRORS:
            self._listed.append(error)

    def add_all(self, invalid: ValidationError, loc: Loc) -> None:
        """Keep what a schema found wrong with the part of the request at `loc`."""
        if len(self._listed) >= MAX_LISTED_ERRORS:
            self._count += invalid.error_count()
            return
        for error in field_errors(invalid, loc):
            self.add(error)

    def add_refusal(self, refusal: InvalidRequest) -> None:
        """Keep everything another part of the reading found wrong."""
        for error in refusal.errors:
            self.add(error)
        self._count += refusal.error_count - len(refusal.errors)

    def raise_any(self) -> None:
        if self._count:
            raise InvalidRequest(self._listed, self._count)


def field_errors(invalid: ValidationError, loc: Loc) -> list[FieldError]:
    """Return what a schema found wrong, without the values it found it in."""
    described = invalid.errors(include_url=False, include_input=False, include_context=False)
    return [FieldError((*loc, *each["loc"]), each["msg"], each["type"]) for each in described]
