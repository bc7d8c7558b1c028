"""From the settings to the provider they choose."""

from datetime import timedelta

from pydantic import HttpUrl

from telephony.jambonz.client import JambonzProvider
from telephony.jambonz.settings import JambonzSettings
from telephony.provider_settings import ProviderOptions, RequestTrace, untraced
from telephony.rotary.client import RotaryProvider
from telephony.rotary.settings import RotarySettings
from telephony.settings import ProviderName, TelephonySettings


def open_provider(
    settings: TelephonySettings, status_callback_url: str, trace: RequestTrace = untraced
) -> RotaryProvider | JambonzProvider:
    """Return the chosen provider, to be used as an async context manager.

    Raises ValueError with one line that names what is missing in its settings.
    """
    options = ProviderOptions(
        name=settings.provider.value,
        status_callback_url=status_callback_url,
        dial_timeout=timedelta(seconds=settings.dial_timeout_seconds),
        requests_per_second=settings.requests_per_second,
        trace=trace,
    )
    chosen = chosen_settings(settings)
    if isinstance(chosen, JambonzSettings):
        return JambonzProvider(chosen, options)
    return RotaryProvider(chosen, options)


def chosen_settings(settings: TelephonySettings) -> RotarySettings | JambonzSettings:
    """Return the settings of the chosen provider.

    Whatever form the contract takes elsewhere, our own simulator speaks the neutral one.
    """
    match settings.provider:
        case ProviderName.JAMBONZ:
            return settings.jambonz
        case ProviderName.ROTARY:
            return settings.rotary
        case ProviderName.SIMULATOR:
            return RotarySettings(
                base_url=HttpUrl(settings.sim.base_url),
                api_key=settings.rotary.api_key,
                # It is known never to dial after it said that it knows no such call.
                lookup_is_proof=True,
            )
