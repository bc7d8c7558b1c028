"""From a provider's name to the provider."""

from dataclasses import dataclass
from datetime import timedelta

from telephony.rotary.client import RotaryProvider, RotarySettings

SIMULATOR = "simulator"
ROTARY = "rotary"


@dataclass(frozen=True, kw_only=True)
class ProviderChoice:
    """What an operator decided about telephony."""

    name: str
    base_url: str | None
    api_key: str
    status_callback_url: str
    dial_timeout: timedelta


def open_provider(choice: ProviderChoice) -> RotaryProvider:
    """Return the provider, to be used as an async context manager.

    Raises ValueError with one line that names the wrong setting.
    """
    if choice.name not in (SIMULATOR, ROTARY):
        raise ValueError(f"APOLLO_PROVIDER: {choice.name} is not available; choose {SIMULATOR} or {ROTARY}")
    if choice.base_url is None:
        raise ValueError(f"APOLLO_{choice.name.upper()}_BASE_URL: set it to the provider's address")
    return RotaryProvider(
        RotarySettings(
            base_url=choice.base_url,
            api_key=choice.api_key,
            status_callback_url=choice.status_callback_url,
            dial_timeout=choice.dial_timeout,
            # Only our own simulator is known never to dial after it said that it knows no such call.
            lookup_is_proof=choice.name == SIMULATOR,
            name=choice.name,
        )
    )
