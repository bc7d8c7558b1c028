"""The hostile provider is an oracle only as long as it counts right."""

from collections.abc import Iterator

import httpx
import pytest

from embedded.listening import free_ports
from tests.hostile.provider import Account, HostileProvider, hostile_provider

pytestmark = pytest.mark.process


@pytest.fixture
def provider() -> Iterator[HostileProvider]:
    [port] = free_ports(1)
    account = Account(
        port=port, account_sid="acc-of-a-test", api_key="key-of-a-test", webhook_secret="secret-of-a-test"
    )
    with hostile_provider(account) as running:
        yield running


def ask_for_a_call(provider: HostileProvider, ending: str) -> httpx.Response:
    account = provider.account
    return httpx.post(
        f"{account.base_url}/v1/Accounts/{account.account_sid}/Calls",
        json={
            "from": "+14155550180",
            "timeout": 30,
            "to": {"type": "phone", "number": f"+141555501{ending}"},
            "tag": {"attempt_id": f"exec_{ending}"},
            "call_status_hook": {"url": "http://127.0.0.1:9/nobody", "method": "POST"},
        },
        headers={"Authorization": f"Bearer {account.api_key}"},
        timeout=2,
        trust_env=False,
    )


def test_every_placed_call_is_a_ring_whatever_was_answered(provider: HostileProvider) -> None:
    codes = [ask_for_a_call(provider, ending).status_code for ending in ("14", "14", "15", "21", "21")]
    with pytest.raises(httpx.ReadError):
        ask_for_a_call(provider, "18")

    assert codes == [500, 500, 500, 429, 201]
    assert provider.ledger.rings == {"exec_14": 2, "exec_21": 1, "exec_18": 1}
    assert provider.ledger.requests == {"exec_14": 2, "exec_15": 1, "exec_21": 2, "exec_18": 1}
    assert provider.ledger.complaints == []
