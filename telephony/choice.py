"""From the settings to the provider they choose, and what an operator should hear about the choice."""

from datetime import timedelta

import structlog

from settings import EMBEDDED_HOST, ProviderName, Settings
from telephony.jambonz.client import JambonzSpeech
from telephony.registry import JambonzAccount, ProviderChoice, RotaryAccount
from telephony.rotary.contract import HangUpMethod, RotaryContract
from telephony.status_words import StatusWords

REMEMBERED = timedelta(seconds=3000)
"""Jambonz forgets a call an hour after its answer; ten minutes are left to learn how it ended."""


def provider_choice(settings: Settings) -> ProviderChoice:
    """Return what the environment says of telephony.

    Raises ValueError with one line that names the wrong setting.
    """
    return ProviderChoice(
        name=settings.provider,
        status_callback_url=settings.status_callback_url,
        dial_timeout=timedelta(seconds=settings.dial_timeout_seconds),
        requests_per_second=settings.provider_requests_per_second,
        simulator_url=f"http://{EMBEDDED_HOST}:{settings.sim_port}",
        rotary=_rotary(settings),
        jambonz=_jambonz(settings),
    )


def status_words(settings: Settings) -> StatusWords:
    """Return the words in which statuses are understood, in webhooks and look-ups alike."""
    return StatusWords(settings.rotary_status_map)


def warn_of_choice(settings: Settings) -> None:
    """Tell the log what will go wrong with a choice that is allowed."""
    if settings.provider is not ProviderName.JAMBONZ:
        return
    log = structlog.get_logger()
    if settings.max_call > REMEMBERED:
        log.warning(
            "Jambonz forgets a call an hour after its answer: keep APOLLO_MAX_CALL_SECONDS at 3000 or below",
            max_call_seconds=settings.max_call_seconds,
        )
    if settings.posts_statuses_to_loopback:
        log.warning("Jambonz posts statuses to loopback: set APOLLO_WEBHOOK_URL to where it reaches the API")


def warn_of_unsigned_webhooks(settings: Settings) -> None:
    """Tell the log when anybody who reaches the API could report how Jambonz' calls went."""
    if settings.provider is ProviderName.JAMBONZ and not settings.webhook_secrets:
        structlog.get_logger().warning(
            "Jambonz' webhooks cannot be verified: set APOLLO_WEBHOOK_SECRET to its webhook secret"
        )


def _rotary(settings: Settings) -> RotaryAccount:
    return RotaryAccount(
        base_url=_text(settings.rotary_base_url),
        api_key=settings.rotary_api_key.get_secret_value() if settings.rotary_api_key else "",
        contract=RotaryContract(
            create_path=settings.rotary_create_path,
            get_path=settings.rotary_get_path,
            find_path=settings.rotary_find_path,
            hang_up_path=settings.rotary_hang_up_path,
            hang_up_method=HangUpMethod(settings.rotary_hang_up_method),
            hang_up_body=settings.rotary_hang_up_body,
            auth_header=settings.rotary_auth_header,
            auth_value=settings.rotary_auth_value,
            extra_headers={
                name: value.get_secret_value() for name, value in settings.rotary_extra_headers.items()
            },
            call_id_paths=tuple(path.strip() for path in settings.rotary_call_id_paths.split(",")),
            words=status_words(settings),
        ),
        lookup_is_proof=settings.rotary_lookup_is_proof,
    )


def _jambonz(settings: Settings) -> JambonzAccount:
    return JambonzAccount(
        base_url=_text(settings.jambonz_base_url),
        account_sid=settings.jambonz_account_sid,
        api_key=settings.jambonz_api_key.get_secret_value() if settings.jambonz_api_key else "",
        application_sid=settings.jambonz_application_sid,
        call_hook=_text(settings.jambonz_call_hook),
        speech=JambonzSpeech(
            synthesis_vendor=settings.jambonz_speech_synthesis_vendor,
            synthesis_language=settings.jambonz_speech_synthesis_language,
            synthesis_voice=settings.jambonz_speech_synthesis_voice,
            recognizer_vendor=settings.jambonz_speech_recognizer_vendor,
            recognizer_language=settings.jambonz_speech_recognizer_language,
        ),
        amd_hook=_text(settings.jambonz_amd_hook),
        trunk=settings.jambonz_trunk,
        strip_plus=settings.jambonz_strip_plus,
        refused_on_500=settings.jambonz_refused_on_500,
    )


def _text(url: object) -> str | None:
    return None if url is None else str(url)
