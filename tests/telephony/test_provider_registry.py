"""From an operator's choice to a provider."""

from dataclasses import replace
from datetime import timedelta

import pytest

from telephony.jambonz.client import JambonzProvider, JambonzSettings
from telephony.registry import (
    JambonzAccount,
    ProviderChoice,
    RotaryAccount,
    open_provider,
    provider_settings,
)
from telephony.rotary.client import RotarySettings
from telephony.rotary.contract import RotaryContract

CALLBACK_URL = "http://apollo.test/webhooks/call-status"
OTHER_CONTRACT = RotaryContract(create_path="/elsewhere")
ROTARY = RotaryAccount(
    base_url="http://rotary.test", api_key="rotary-key", contract=OTHER_CONTRACT, lookup_is_proof=False
)
JAMBONZ = JambonzAccount(
    base_url="http://jambonz.test", account_sid="acc-1", api_key="jambonz-key", application_sid="a" * 36
)


def a_choice(name: str, **changes: object) -> ProviderChoice:
    choice = ProviderChoice(
        name=name,
        status_callback_url=CALLBACK_URL,
        dial_timeout=timedelta(seconds=11),
        simulator_url="http://simulator.test",
        rotary=ROTARY,
        jambonz=JAMBONZ,
    )
    return replace(choice, **changes)  # type: ignore[arg-type]  # by name


def test_simulator_speaks_the_neutral_contract_and_its_silence_is_proof() -> None:
    assert provider_settings(a_choice("simulator")) == RotarySettings(
        base_url="http://simulator.test",
        api_key="rotary-key",
        status_callback_url=CALLBACK_URL,
        dial_timeout=timedelta(seconds=11),
        lookup_is_proof=True,
        name="simulator",
    )


@pytest.mark.parametrize("lookup_is_proof", [False, True])
def test_silence_of_rotary_is_proof_only_when_the_operator_vouches_for_it(lookup_is_proof: bool) -> None:
    account = replace(ROTARY, lookup_is_proof=lookup_is_proof)

    assert provider_settings(a_choice("rotary", rotary=account)) == RotarySettings(
        base_url="http://rotary.test",
        api_key="rotary-key",
        status_callback_url=CALLBACK_URL,
        dial_timeout=timedelta(seconds=11),
        lookup_is_proof=lookup_is_proof,
        contract=OTHER_CONTRACT,
    )


def test_jambonz_gets_everything_that_was_said_of_it() -> None:
    account = replace(
        JAMBONZ, amd_hook="http://amd.test", trunk="north", strip_plus=True, refused_on_500=True
    )

    assert provider_settings(a_choice("jambonz", jambonz=account)) == JambonzSettings(
        base_url="http://jambonz.test",
        account_sid="acc-1",
        api_key="jambonz-key",
        application_sid="a" * 36,
        amd_hook="http://amd.test",
        trunk="north",
        strip_plus=True,
        refused_on_500=True,
        status_callback_url=CALLBACK_URL,
        dial_timeout=timedelta(seconds=11),
    )


@pytest.mark.parametrize(
    ("name", "wanted", "given"),
    [
        pytest.param("simulator", None, None, id="simulator is not held back"),
        pytest.param("rotary", None, None, id="rotary is not held back"),
        pytest.param("jambonz", None, 1.9, id="jambonz by its default limit"),
        pytest.param("simulator", 5.0, 5.0, id="simulator by choice"),
        pytest.param("rotary", 5.0, 5.0, id="rotary by choice"),
        pytest.param("jambonz", 5.0, 5.0, id="jambonz by choice"),
        pytest.param("jambonz", 0.0, 0.0, id="jambonz without a limit"),
    ],
)
def test_requests_per_second(name: str, wanted: float | None, given: float | None) -> None:
    settings = provider_settings(a_choice(name, requests_per_second=wanted))

    assert settings.requests_per_second == given


async def test_jambonz_without_a_limit_gives_every_turn_at_once() -> None:
    async with open_provider(a_choice("jambonz", requests_per_second=0.0)) as provider:
        assert isinstance(provider, JambonzProvider)
        assert [await provider.acquire() for _ in range(100)] == [timedelta()] * 100


@pytest.mark.parametrize("name", ["simulator", "rotary", "jambonz"])
async def test_provider_goes_by_the_name_it_was_chosen_by(name: str) -> None:
    async with open_provider(a_choice(name)) as provider:
        assert provider.name == name


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        pytest.param(
            a_choice("twilio"),
            "APOLLO_PROVIDER: twilio is not available; choose simulator, rotary or jambonz",
            id="another provider",
        ),
        pytest.param(
            a_choice("rotary", rotary=replace(ROTARY, base_url=None)),
            "APOLLO_ROTARY_BASE_URL: set it to the provider's address",
            id="rotary without an address",
        ),
        pytest.param(
            a_choice("rotary", rotary=replace(ROTARY, api_key="clé")),
            "APOLLO_ROTARY_API_KEY: holds characters that no header can carry",
            id="rotary with an unspeakable key",
        ),
        pytest.param(
            a_choice("jambonz", jambonz=replace(JAMBONZ, base_url=None)),
            "APOLLO_JAMBONZ_BASE_URL: set it to the REST server's address, without /v1",
            id="jambonz without an address",
        ),
        pytest.param(
            a_choice("jambonz", jambonz=replace(JAMBONZ, account_sid=None)),
            "APOLLO_JAMBONZ_ACCOUNT_SID: set it to the account's id",
            id="jambonz without an account",
        ),
        pytest.param(
            a_choice("jambonz", jambonz=replace(JAMBONZ, api_key="")),
            "APOLLO_JAMBONZ_API_KEY: set it to a key of the account",
            id="jambonz without a key",
        ),
        pytest.param(
            a_choice("jambonz", jambonz=replace(JAMBONZ, api_key="a\nb")),
            "APOLLO_JAMBONZ_API_KEY: holds characters that no header can carry",
            id="jambonz with an unspeakable key",
        ),
        pytest.param(
            a_choice("jambonz", jambonz=replace(JAMBONZ, application_sid=None)),
            "APOLLO_JAMBONZ_APPLICATION_SID, APOLLO_JAMBONZ_CALL_HOOK: set exactly one of the two",
            id="jambonz with neither application nor call hook",
        ),
        pytest.param(
            a_choice("jambonz", jambonz=replace(JAMBONZ, call_hook="http://hook.test")),
            "APOLLO_JAMBONZ_APPLICATION_SID, APOLLO_JAMBONZ_CALL_HOOK: set exactly one of the two",
            id="jambonz with both",
        ),
    ],
)
def test_wrong_or_missing_setting_is_named_in_one_line(choice: ProviderChoice, message: str) -> None:
    with pytest.raises(ValueError, match="APOLLO_") as caught:
        open_provider(choice)
    assert str(caught.value) == message


def test_choice_does_not_show_its_secrets() -> None:
    shown = repr(a_choice("jambonz", jambonz=replace(JAMBONZ, call_hook="http://u:pass@hook.test")))

    assert not [secret for secret in ("rotary-key", "jambonz-key", "pass@") if secret in shown]
