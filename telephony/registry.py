"""From a provider's name to the provider."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

from telephony.jambonz.client import JambonzProvider, JambonzSettings, JambonzSpeech
from telephony.provider_http_client import can_travel
from telephony.rotary.client import RotaryProvider, RotarySettings
from telephony.rotary.contract import RotaryContract

SIMULATOR = "simulator"
ROTARY = "rotary"
JAMBONZ = "jambonz"


@dataclass(frozen=True, kw_only=True)
class RotaryAccount:
    """What an operator said of a provider that speaks the neutral contract."""

    base_url: str | None = None
    api_key: str = field(default="", repr=False)
    contract: RotaryContract = field(default_factory=RotaryContract)
    lookup_is_proof: bool = False


@dataclass(frozen=True, kw_only=True)
class JambonzAccount:
    """What an operator said of Jambonz."""

    base_url: str | None = None
    account_sid: str | None = None
    api_key: str = field(default="", repr=False)
    application_sid: str | None = None
    call_hook: str | None = field(default=None, repr=False)
    speech: JambonzSpeech = field(default_factory=JambonzSpeech)
    amd_hook: str | None = field(default=None, repr=False)
    trunk: str | None = None
    strip_plus: bool = False
    refused_on_500: bool = False


@dataclass(frozen=True, kw_only=True)
class ProviderChoice:
    """What an operator decided about telephony."""

    name: str
    status_callback_url: str
    dial_timeout: timedelta
    requests_per_second: float | None = None
    """0 is unlimited, None leaves it to the provider's default."""
    simulator_url: str
    rotary: RotaryAccount = field(default_factory=RotaryAccount)
    jambonz: JambonzAccount = field(default_factory=JambonzAccount)


def open_provider(choice: ProviderChoice) -> RotaryProvider | JambonzProvider:
    """Return the provider, to be used as an async context manager.

    Raises ValueError with one line that names the wrong or missing setting.
    """
    settings = provider_settings(choice)
    if isinstance(settings, JambonzSettings):
        return JambonzProvider(settings)
    return RotaryProvider(settings)


def provider_settings(choice: ProviderChoice) -> RotarySettings | JambonzSettings:
    """Return what the chosen provider is opened with. Raises ValueError as `open_provider` does."""
    if choice.name == SIMULATOR:
        return _simulator(choice)
    if choice.name == ROTARY:
        return _rotary(choice)
    if choice.name == JAMBONZ:
        return _jambonz(choice)
    raise ValueError(
        f"APOLLO_PROVIDER: {choice.name} is not available; choose {SIMULATOR}, {ROTARY} or {JAMBONZ}"
    )


def _simulator(choice: ProviderChoice) -> RotarySettings:
    """Whatever form the contract takes elsewhere, our own simulator speaks the neutral one."""
    return RotarySettings(
        base_url=choice.simulator_url,
        api_key=choice.rotary.api_key,
        status_callback_url=choice.status_callback_url,
        dial_timeout=choice.dial_timeout,
        # It is known never to dial after it said that it knows no such call.
        lookup_is_proof=True,
        requests_per_second=choice.requests_per_second,
        name=SIMULATOR,
    )


def _rotary(choice: ProviderChoice) -> RotarySettings:
    account = choice.rotary
    return RotarySettings(
        base_url=_present("APOLLO_ROTARY_BASE_URL", account.base_url, "the provider's address"),
        api_key=account.api_key,
        status_callback_url=choice.status_callback_url,
        dial_timeout=choice.dial_timeout,
        lookup_is_proof=account.lookup_is_proof,
        requests_per_second=choice.requests_per_second,
        contract=account.contract,
        name=ROTARY,
    )


def _jambonz(choice: ProviderChoice) -> JambonzSettings:
    account = choice.jambonz
    base_url = _present("APOLLO_JAMBONZ_BASE_URL", account.base_url, "the REST server's address, without /v1")
    account_sid = _present("APOLLO_JAMBONZ_ACCOUNT_SID", account.account_sid, "the account's id")
    api_key = _present("APOLLO_JAMBONZ_API_KEY", account.api_key, "a key of the account")
    if not can_travel(api_key):
        raise ValueError("APOLLO_JAMBONZ_API_KEY: holds characters that no header can carry")
    settings = JambonzSettings(
        base_url=base_url,
        account_sid=account_sid,
        api_key=api_key,
        application_sid=account.application_sid,
        call_hook=account.call_hook,
        speech=account.speech,
        amd_hook=account.amd_hook,
        trunk=account.trunk,
        strip_plus=account.strip_plus,
        refused_on_500=account.refused_on_500,
        status_callback_url=choice.status_callback_url,
        dial_timeout=choice.dial_timeout,
        name=JAMBONZ,
    )
    if choice.requests_per_second is None:
        return settings
    return replace(settings, requests_per_second=choice.requests_per_second)


def _present(variable: str, value: str | None, meaning: str) -> str:
    if not value:
        raise ValueError(f"{variable}: set it to {meaning}")
    return value
