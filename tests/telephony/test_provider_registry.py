"""From an operator's settings to a provider."""

from datetime import timedelta

import pytest

from telephony.jambonz.client import JambonzProvider
from telephony.registry import chosen_settings, open_provider
from telephony.rotary.settings import RotarySettings
from telephony.settings import TelephonySettings

CALLBACK_URL = "http://apollo.test/webhooks/call-status"
ROTARY = {"base_url": "http://rotary.test", "api_key": "rotary-key", "create_path": "/elsewhere"}
JAMBONZ = {
    "base_url": "http://jambonz.test",
    "account_sid": "acc-1",
    "api_key": "jambonz-key",
    "application_sid": "a" * 36,
}


def settings(provider: str, **changes: object) -> TelephonySettings:
    chosen = {"provider": provider, "rotary": ROTARY, "jambonz": JAMBONZ}
    return TelephonySettings.model_validate({**chosen, **changes})


def test_simulator_speaks_the_neutral_contract_and_its_silence_is_proof() -> None:
    wanted = {"base_url": "http://127.0.0.1:8099", "api_key": "rotary-key", "lookup_is_proof": True}

    assert chosen_settings(settings("simulator", sim={"port": 8099})) == RotarySettings.model_validate(wanted)


@pytest.mark.parametrize("lookup_is_proof", [False, True])
async def test_silence_of_rotary_is_proof_only_when_the_operator_vouches_for_it(
    lookup_is_proof: bool,
) -> None:
    rotary = ROTARY | {"lookup_is_proof": lookup_is_proof}

    async with open_provider(settings("rotary", rotary=rotary), CALLBACK_URL) as provider:
        assert provider.lookup_is_proof is lookup_is_proof


@pytest.mark.parametrize(
    ("name", "wanted", "given"),
    [
        pytest.param("simulator", None, 0.0, id="simulator is not held back"),
        pytest.param("rotary", None, 0.0, id="rotary is not held back"),
        pytest.param("jambonz", None, 1.9, id="jambonz by its default limit"),
        pytest.param("simulator", 5.0, 5.0, id="simulator by choice"),
        pytest.param("rotary", 5.0, 5.0, id="rotary by choice"),
        pytest.param("jambonz", 5.0, 5.0, id="jambonz by choice"),
        pytest.param("jambonz", 0.0, 0.0, id="jambonz without a limit"),
    ],
)
def test_requests_per_second(name: str, wanted: float | None, given: float) -> None:
    assert settings(name, provider_requests_per_second=wanted).requests_per_second == given


async def test_jambonz_without_a_limit_gives_every_turn_at_once() -> None:
    unlimited = settings("jambonz", provider_requests_per_second=0.0)
    async with open_provider(unlimited, CALLBACK_URL) as provider:
        assert isinstance(provider, JambonzProvider)
        assert [await provider.acquire() for _ in range(100)] == [timedelta()] * 100


@pytest.mark.parametrize("name", ["simulator", "rotary", "jambonz"])
async def test_provider_goes_by_the_name_it_was_chosen_by(name: str) -> None:
    async with open_provider(settings(name), CALLBACK_URL) as provider:
        assert provider.name == name


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        pytest.param(
            settings("rotary", rotary={}),
            "APOLLO_ROTARY_BASE_URL: set it to the provider's address",
            id="rotary without an address",
        ),
        pytest.param(
            settings("jambonz", jambonz=JAMBONZ | {"base_url": None}),
            "APOLLO_JAMBONZ_BASE_URL: set it to the REST server's address, without /v1",
            id="jambonz without an address",
        ),
        pytest.param(
            settings("jambonz", jambonz={"base_url": "http://jambonz.test"}),
            "APOLLO_JAMBONZ_ACCOUNT_SID: set it to the account's id",
            id="jambonz without an account",
        ),
        pytest.param(
            settings("jambonz", jambonz=JAMBONZ | {"api_key": ""}),
            "APOLLO_JAMBONZ_API_KEY: set it to a key of the account",
            id="jambonz without a key",
        ),
        pytest.param(
            settings("jambonz", jambonz=JAMBONZ | {"application_sid": None}),
            "APOLLO_JAMBONZ_APPLICATION_SID, APOLLO_JAMBONZ_CALL_HOOK: set exactly one of the two, "
            "or APOLLO_JAMBONZ_APPLICATIONS",
            id="jambonz with neither application nor call hook",
        ),
        pytest.param(
            settings("jambonz", jambonz=JAMBONZ | {"call_hook": "http://hook.test"}),
            "APOLLO_JAMBONZ_APPLICATION_SID, APOLLO_JAMBONZ_CALL_HOOK: set exactly one of the two",
            id="jambonz with both",
        ),
    ],
)
def test_missing_setting_is_named_in_one_line(chosen: TelephonySettings, message: str) -> None:
    with pytest.raises(ValueError, match="APOLLO_") as caught:
        open_provider(chosen, CALLBACK_URL)
    assert str(caught.value) == message


def test_settings_do_not_show_their_secrets() -> None:
    shown = repr(settings("jambonz", jambonz=JAMBONZ | {"call_hook": "http://u:pass@hook.test"}))

    assert not [secret for secret in ("rotary-key", "jambonz-key", "pass@") if secret in shown]
