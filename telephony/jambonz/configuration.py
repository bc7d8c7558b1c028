"""How to reach one Jambonz account, and what its calls run."""

from dataclasses import dataclass, field
from datetime import timedelta

_SID_LENGTH = 36
"""What the server that places the calls insists on, with an error that would look ambiguous."""
_HTTP = ("http://", "https://")
_WEB_SOCKET = ("ws://", "wss://")
_RETRY = "#rc=3&rp=all"
"""Asks Jambonz to repeat a webhook that failed, three times, whatever the failure was."""


@dataclass(frozen=True, kw_only=True)
class JambonzSpeech:
    """The voice and the ears of a call that runs no application of the account."""

    synthesis_vendor: str = "google"
    synthesis_language: str = "en-US"
    synthesis_voice: str = "en-US-Standard-C"
    recognizer_vendor: str = "google"
    recognizer_language: str = "en-US"


@dataclass(frozen=True, kw_only=True)
class JambonzSettings:
    """One account. Raises ValueError with one line that names the wrong setting.

    An application's own webhooks, speech and variables replace those of a call: with `application_sid` the
    status webhook must be registered in the application, or there are no statuses at all.
    """

    base_url: str
    """Without the version: everything is asked below `/v1`."""
    account_sid: str
    api_key: str = field(repr=False)
    """Of the account, not of its service provider."""
    application_sid: str | None = None
    call_hook: str | None = field(default=None, repr=False)
    """Instead of an application: what asks for the call's first verbs; may carry a password."""
    speech: JambonzSpeech = JambonzSpeech()
    """Sent with `call_hook` only."""
    amd_hook: str | None = field(default=None, repr=False)
    """Where answering machines are reported; None does not look for them."""
    trunk: str | None = None
    """The carrier to call through; None lets the account choose.

    One with several outbound gateways may ring a phone once for each of them, out of our sight.
    """
    strip_plus: bool = False
    """Numbers go out without their `+`, for carriers that want none."""
    refused_on_500: bool = False
    """A bare `Internal Server Error` vouches for no call, and pauses all; where no proxy is between."""
    status_callback_url: str = field(repr=False)
    dial_timeout: timedelta = timedelta(seconds=12)
    """How long the answer to a create call may take; longer makes the dial ambiguous."""
    requests_per_second: float | None = 1.9
    """Jambonz counts 600 in five minutes by default, for the whole system."""
    name: str = "jambonz"

    def __post_init__(self) -> None:
        if (self.application_sid is None) is (self.call_hook is None):
            raise ValueError(
                "APOLLO_JAMBONZ_APPLICATION_SID, APOLLO_JAMBONZ_CALL_HOOK: set exactly one of the two"
            )
        if self.application_sid is not None and len(self.application_sid) != _SID_LENGTH:
            raise ValueError(f"APOLLO_JAMBONZ_APPLICATION_SID: must have {_SID_LENGTH} characters")
        _require_address("APOLLO_JAMBONZ_BASE_URL", self.base_url, _HTTP)
        _require_address("APOLLO_JAMBONZ_CALL_HOOK", self.call_hook, _HTTP + _WEB_SOCKET)
        _require_address("APOLLO_JAMBONZ_AMD_HOOK", self.amd_hook, _HTTP + _WEB_SOCKET)
        _require_address("APOLLO_WEBHOOK_URL", self.status_callback_url, _HTTP)
        if not self.account_sid:
            raise ValueError("APOLLO_JAMBONZ_ACCOUNT_SID: set it to the account's id")

    @property
    def status_hook(self) -> str:
        """Where Jambonz posts statuses; the fragment is for Jambonz only and says when to repeat one."""
        url = self.status_callback_url
        return url if "#" in url else url + _RETRY


def _require_address(setting: str, url: str | None, schemes: tuple[str, ...]) -> None:
    if url is not None and not url.lower().startswith(schemes):
        raise ValueError(f"{setting}: must be an absolute address that starts with {' or '.join(schemes)}")
