"""How to reach one Jambonz account, and what its calls run."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AnyUrl, Field, HttpUrl, UrlConstraints, field_validator
from pydantic import StringConstraints as Text
from pydantic_settings import NoDecode

from telephony.provider_settings import JsonObject, Name, ProviderSettings, require

REQUESTS_PER_SECOND = 1.9
"""Jambonz allows 600 in five minutes by default, for the whole system."""
REMEMBERED = timedelta(seconds=3000)
"""Jambonz forgets a call an hour after its answer; ten minutes are left to learn how it ended."""

_APPLICATION_OR_HOOK = "APOLLO_JAMBONZ_APPLICATION_SID, APOLLO_JAMBONZ_CALL_HOOK"

HookUrl = Annotated[
    AnyUrl,
    UrlConstraints(max_length=2048, allowed_schemes=["http", "https", "ws", "wss"], host_required=True),
]


ApplicationSid = Annotated[str, Text(pattern=r"^[0-9A-Za-z-]{36}$")]
"""The server that places the calls insists on the length, with an error that would look ambiguous."""
AgentId = Annotated[str, Text(min_length=1, max_length=255)]


class CallTag(StrEnum):
    """What a call carries to the application that speaks."""

    FULL = "full"
    """Ids, the agent, and a brief of variables and context."""
    IDS = "ids"
    """Ids alone: no person's data reaches the telephony server but the number."""


class JambonzSettings(ProviderSettings):
    """One account, with a key of its own and not of its service provider.

    An application's own webhooks, speech and variables replace those of a call: with `application_sid` the
    status webhook must be registered in the application, or there are no statuses at all.
    """

    account_sid: Annotated[str, Text(pattern=r"^[0-9A-Za-z_-]{1,64}$")] = ""
    application_sid: ApplicationSid | None = None
    """Of agents without an application of their own."""
    applications: Annotated[Mapping[AgentId, ApplicationSid], NoDecode, JsonObject] = {}
    """The applications of single agents, by agent id."""
    call_hook: HookUrl | None = Field(default=None, repr=False)
    """Instead of a common application: what asks for the call's first verbs; may carry a password."""
    tag: CallTag = CallTag.FULL
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

    def application_of(self, agent_id: str) -> str | None:
        """Return the application that an agent's answered calls run; None where there is none, or a hook."""
        return self.applications.get(agent_id, self.application_sid)

    def can_speak_for(self, agent_id: str) -> bool:
        """Tell whether an agent's answered calls have anything to run."""
        return self._has_common_verbs or agent_id in self.applications or not self.applications

    @property
    def own_applications(self) -> frozenset[str | None]:
        """The applications of our calls; None where calls without one are ours too."""
        common = (self.application_sid,) if self._has_common_verbs else ()
        return frozenset({*self.applications.values(), *common})

    @property
    def _has_common_verbs(self) -> bool:
        return self.application_sid is not None or self.call_hook is not None

    def require_complete(self) -> None:
        """Raise ValueError, with one line that names what is missing, unless calls can be placed."""
        require("APOLLO_JAMBONZ_BASE_URL", self.base_url, "the REST server's address, without /v1")
        require("APOLLO_JAMBONZ_ACCOUNT_SID", self.account_sid, "the account's id")
        require("APOLLO_JAMBONZ_API_KEY", self.api_key, "a key of the account")
        if self.application_sid is not None and self.call_hook is not None:
            raise ValueError(f"{_APPLICATION_OR_HOOK}: set exactly one of the two")
        if not self._has_common_verbs and not self.applications:
            raise ValueError(
                f"{_APPLICATION_OR_HOOK}: set exactly one of the two, or APOLLO_JAMBONZ_APPLICATIONS"
            )
        if self.amd and self.amd_hook is not None:
            raise ValueError("APOLLO_JAMBONZ_AMD, APOLLO_JAMBONZ_AMD_HOOK: set at most one of the two")
