"""How to reach one Jambonz account, and what its calls run."""

from datetime import timedelta
from typing import Annotated

from pydantic import AnyUrl, Field, HttpUrl, UrlConstraints, field_validator
from pydantic import StringConstraints as Text

from telephony.provider_settings import Name, ProviderSettings, require

REQUESTS_PER_SECOND = 1.9
"""Jambonz allows 600 in five minutes by default, for the whole system."""
REMEMBERED = timedelta(seconds=3000)
"""Jambonz forgets a call an hour after its answer; ten minutes are left to learn how it ended."""

HookUrl = Annotated[
    AnyUrl,
    UrlConstraints(max_length=2048, allowed_schemes=["http", "https", "ws", "wss"], host_required=True),
]


class JambonzSettings(ProviderSettings):
    """One account, with a key of its own and not of its service provider.

    An application's own webhooks, speech and variables replace those of a call: with `application_sid` the
    status webhook must be registered in the application, or there are no statuses at all.
    """

    account_sid: Annotated[str, Text(pattern=r"^[0-9A-Za-z_-]{1,64}$")] = ""
    application_sid: Annotated[str, Text(pattern=r"^[0-9A-Za-z-]{36}$")] | None = None
    """The server that places the calls insists on the length, with an error that would look ambiguous."""
    call_hook: HookUrl | None = Field(default=None, repr=False)
    """Instead of an application: what asks for the call's first verbs; may carry a password."""
    amd: bool = False
    """Looks for answering machines, and has them reported to Apollo's own webhook."""
    amd_hook: HookUrl | None = Field(default=None, repr=False)
    """Where answering machines are reported instead, of which Apollo then learns nothing."""
    trunk: Name | None = None
    """The carrier to call through; None lets the account choose.

    One with several outbound gateways may ring a phone once for each of them, out of our sight.
    """
    strip_plus: bool = False
    """Numbers go out without their `+`, for carriers that want none."""
    refused_on_500: bool = False
    """A bare `Internal Server Error` vouches for no call, and pauses all.

    Only where no proxy sits between: its own errors look alike.
    """
    speech_synthesis_vendor: Name = "google"
    """Speech is sent with `call_hook` only."""
    speech_synthesis_language: Name = "en-US"
    speech_synthesis_voice: Name = "en-US-Standard-C"
    speech_recognizer_vendor: Name = "google"
    speech_recognizer_language: Name = "en-US"

    @field_validator("base_url")
    @classmethod
    def _without_version(cls, url: HttpUrl | None) -> HttpUrl | None:
        if url is not None and (url.path or "").rstrip("/").endswith("/v1"):
            raise ValueError("must leave out /v1")
        return url

    def require_complete(self) -> None:
        """Raise ValueError, with one line that names what is missing, unless calls can be placed."""
        require("APOLLO_JAMBONZ_BASE_URL", self.base_url, "the REST server's address, without /v1")
        require("APOLLO_JAMBONZ_ACCOUNT_SID", self.account_sid, "the account's id")
        require("APOLLO_JAMBONZ_API_KEY", self.api_key, "a key of the account")
        if (self.application_sid is None) is (self.call_hook is None):
            raise ValueError(
                "APOLLO_JAMBONZ_APPLICATION_SID, APOLLO_JAMBONZ_CALL_HOOK: set exactly one of the two"
            )
        if self.amd and self.amd_hook is not None:
            raise ValueError("APOLLO_JAMBONZ_AMD, APOLLO_JAMBONZ_AMD_HOOK: set at most one of the two")
