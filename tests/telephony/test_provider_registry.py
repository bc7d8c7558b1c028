"""From the environment's words to a provider."""

from datetime import timedelta

import pytest

from telephony.registry import ProviderChoice, open_provider


def a_choice(name: str, base_url: str | None = "http://provider.test") -> ProviderChoice:
    return ProviderChoice(
        name=name,
        base_url=base_url,
        api_key="key",
        status_callback_url="http://apollo.test/webhooks/call-status",
        dial_timeout=timedelta(seconds=12),
    )


@pytest.mark.parametrize(("name", "lookup_is_proof"), [("simulator", True), ("rotary", False)])
async def test_only_the_simulators_silence_proves_that_nothing_was_dialled(
    name: str, lookup_is_proof: bool
) -> None:
    async with open_provider(a_choice(name)) as provider:
        assert (provider.name, provider.lookup_is_proof) == (name, lookup_is_proof)


@pytest.mark.parametrize(
    ("choice", "variable"),
    [(a_choice("jambonz"), "APOLLO_PROVIDER"), (a_choice("rotary", None), "APOLLO_ROTARY_BASE_URL")],
)
def test_a_wrong_choice_names_its_variable(choice: ProviderChoice, variable: str) -> None:
    with pytest.raises(ValueError, match=variable):
        open_provider(choice)
