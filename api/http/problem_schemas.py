"""Problem details as /docs shows them; `api.http.problems` writes them."""

from pydantic import ConfigDict, Field

from api.http.wire import WireOutput


class ProblemError(WireOutput):
    """One thing wrong with a request."""

    loc: list[str | int] = Field(examples=[["body", "contacts", 3, "phone_number"]])
    msg: str = Field(examples=["Not a possible phone number"])
    type: str = Field(examples=["phone_number"])


class Problem(WireOutput):
    """Problem details, compatible with RFC 9457."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:apollo:problem:not-found"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["Batch not found"])


class ValidationProblem(Problem):
    """A problem that names what is wrong, at most 100 errors of `error_count`."""

    errors: list[ProblemError]
    error_count: int
