"""What is encrypted is readable with its key only, and what was never encrypted is left as it is."""

import os
from collections.abc import Callable

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.exceptions import ApplicationError

from activities.messages import PlaceCall
from domain.call import AttemptKind
from temporal.client import DATA_CONVERTER, data_converter
from temporal.encryption import EncryptingCodec, PayloadUnreadable, UnknownPayloadKey, key_id

OLD, NEW = b"o" * 32, b"n" * 32
JSON = Payload(metadata={"encoding": b"json/plain"}, data=b'{"reason":"lunch"}')


async def test_value_comes_back_as_it_was_and_is_unreadable_in_between() -> None:
    converter = data_converter([NEW])
    request = PlaceCall(contact_id="con_1", attempt=2, kind=AttemptKind.RETRY)

    payloads = await converter.encode([request])

    assert b"con_1" not in payloads[0].SerializeToString()
    assert payloads[0].metadata["encoding"] == b"binary/encrypted"
    assert await converter.decode(payloads, [PlaceCall]) == [request]


async def test_same_value_looks_different_every_time() -> None:
    codec = EncryptingCodec([NEW])

    first, second = await codec.encode([JSON, JSON])

    assert first.data != second.data
    assert await codec.decode([first, second]) == [JSON, JSON]


async def test_new_key_in_front_encrypts_and_the_old_one_still_decrypts() -> None:
    before, after = EncryptingCodec([OLD]), EncryptingCodec([NEW, OLD])

    [kept] = await before.encode([JSON])
    [fresh] = await after.encode([JSON])

    assert await after.decode([kept, fresh]) == [JSON, JSON]
    assert fresh.metadata["encryption-key-id"] == key_id(NEW).encode()


async def test_payload_under_a_key_that_is_gone_names_the_key_and_not_its_bytes() -> None:
    [kept] = await EncryptingCodec([OLD]).encode([JSON])

    with pytest.raises(UnknownPayloadKey) as refusal:
        await EncryptingCodec([NEW]).decode([kept])

    assert str(refusal.value) == (
        f"No key {key_id(OLD)} among APOLLO_PAYLOAD_KEYS; a payload was encrypted with it"
    )
    assert OLD.decode() not in str(refusal.value)
    assert OLD.hex() not in str(refusal.value)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda data: data[:-1] + bytes([data[-1] ^ 1]), id="a bit turned"),
        pytest.param(lambda data: data[:20], id="cut short"),
        pytest.param(lambda data: b"", id="emptied"),
    ],
)
async def test_altered_payload_is_refused(spoil: Callable[[bytes], bytes]) -> None:
    codec = EncryptingCodec([NEW])
    [payload] = await codec.encode([JSON])
    payload.data = spoil(payload.data)

    with pytest.raises(PayloadUnreadable, match="was altered"):
        await codec.decode([payload])


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(JSON, id="an operator's JSON"),
        pytest.param(Payload(metadata={"encoding": b"binary/null"}), id="null"),
        pytest.param(Payload(metadata={"encoding": b"binary/plain"}, data=b"\x00\xff"), id="bytes"),
        pytest.param(Payload(data=b"anything"), id="no encoding at all"),
    ],
)
async def test_payload_that_was_never_encrypted_passes_through(payload: Payload) -> None:
    assert await EncryptingCodec([NEW]).decode([payload]) == [payload]


async def test_text_of_a_failure_is_encrypted_too_and_comes_back() -> None:
    converter, failure = data_converter([NEW]), Failure()

    await converter.encode_failure(ApplicationError("the contact con_1 sulks", "a detail"), failure)

    assert b"sulks" not in failure.SerializeToString()
    assert b"a detail" not in failure.SerializeToString()
    told = await converter.decode_failure(failure)
    assert str(told) == "the contact con_1 sulks"


async def test_without_keys_everything_stays_readable() -> None:
    converter = data_converter([])
    [payload] = await converter.encode(["text"])

    assert converter is DATA_CONVERTER
    assert payload.metadata["encoding"] == b"json/plain"


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param([], id="none"),
        pytest.param([os.urandom(31)], id="a byte short"),
        pytest.param([NEW, b""], id="one of two empty"),
    ],
)
def test_keys_of_a_wrong_length_are_refused(keys: list[bytes]) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        EncryptingCodec(keys)
