"""One post to a receiver: what it carries, where it goes, and what may come back."""

import asyncio
import hashlib
import hmac
import socket
import ssl
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from domain.identity import DeliveryId, EndpointId, EventId
from domain.webhooks import ClaimedDelivery, DeliveryAttempt
from receivers import client
from receivers.client import open_receivers
from receivers.network import Resolver
from tests.fakes.receivers import Post, a_receiver, an_answer, silence

pytestmark = pytest.mark.process

NOW = datetime(2026, 9, 7, 12, tzinfo=UTC)
SECRETS = ("whsec_" + b64encode(b"new secret of the test".ljust(32)).decode(), "whsec_b2xkZXIgc2VjcmV0IQ==")
HERE = [ip_network("127.0.0.0/30")]


@dataclass
class Names:
    """A name server of which each question gets the next answer."""

    answers: list[Sequence[str]]
    asked: list[str] = field(default_factory=list)

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0)


def a_delivery(url: str) -> ClaimedDelivery:
    return ClaimedDelivery(
        delivery_id=DeliveryId("whd_1"),
        endpoint_id=EndpointId("whe_1"),
        event_id=EventId("evt_1"),
        url=url,
        body='{"type":"endpoint.test","data":{"name":"Zoë"}}',
        secrets=SECRETS,
    )


async def posted(url: str, resolver: Resolver | None = None) -> DeliveryAttempt:
    async with open_receivers((), resolver=resolver) as receivers:
        return await receivers.send(a_delivery(url), NOW)


def is_signed(post: Post, secret: str) -> bool:
    """Verify by hand, as the specification says it: HMAC-SHA256 over id, timestamp and body."""
    key = b64decode(secret.removeprefix("whsec_"))
    content = b".".join([post.event_id.encode(), post.headers["webhook-timestamp"].encode(), post.body])
    expected = "v1," + b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return expected in post.headers["webhook-signature"].split(" ")


async def test_post_carries_the_event_signed_by_every_secret() -> None:
    async with a_receiver() as receiver:
        attempt = await posted(receiver.url)

    [post] = receiver.posts
    assert (attempt.status, attempt.error, attempt.at) == (204, None, NOW)
    assert post.body.decode() == '{"type":"endpoint.test","data":{"name":"Zoë"}}'
    assert (post.path, post.headers["content-type"]) == ("/hook", "application/json")
    assert (post.event_id, post.headers["webhook-timestamp"]) == ("evt_1", str(int(NOW.timestamp())))
    assert [is_signed(post, secret) for secret in SECRETS] == [True, True]
    assert not is_signed(post, "whsec_c29tZWJvZHkgZWxzZQ==")
    assert not is_signed(replace(post, body=post.body + b" "), SECRETS[0])


@pytest.mark.parametrize("status", [200, 301, 307, 404, 410, 500])
async def test_answer_is_kept_and_no_redirect_followed(status: int) -> None:
    async with a_receiver() as elsewhere:

        async def answer(_: Post) -> bytes:
            return an_answer(status, b"said", Location=elsewhere.url)

        async with a_receiver(answer) as receiver:
            attempt = await posted(receiver.url)

    assert (attempt.status, attempt.answer, attempt.error) == (status, "said", None)
    assert elsewhere.connections == 0


async def test_first_kilobyte_is_kept_and_the_rest_of_a_long_answer_not_waited_for() -> None:
    async def endless(_: Post) -> bytes:
        return an_answer(200, b"\x00" + b"x" * 80_000, **{"Content-Length": "900000000"})

    async with a_receiver(endless) as receiver:
        attempt = await posted(receiver.url)

    assert (attempt.status, attempt.answer) == (200, "x" * 1023)


async def test_receiver_that_does_not_answer_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ANSWER_SECONDS", 0.3)
    async with a_receiver(silence) as receiver:
        attempt = await posted(receiver.url)

    assert (attempt.status, attempt.answer, attempt.error) == (None, None, client.TOO_LATE)
    assert 250 <= attempt.milliseconds < 5000


async def test_answer_whose_body_does_not_end_counts_by_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ANSWER_SECONDS", 0.3)

    async def half(_: Post) -> bytes:
        return an_answer(500, b"begun", **{"Content-Length": "10"})

    async with a_receiver(half) as receiver:
        attempt = await posted(receiver.url)

    assert (attempt.status, attempt.answer, attempt.error) == (500, "begun", None)


async def test_receiver_that_speaks_no_http_has_answered_nothing() -> None:
    async def hello(_: Post) -> bytes:
        return b"HELO there\r\n\r\n"

    async with a_receiver(hello) as receiver:
        assert (await posted(receiver.url)).error == client.MALFORMED


async def test_receiver_that_is_not_there_is_an_error() -> None:
    async with a_receiver() as receiver:
        url = receiver.url

    assert (await posted(url)).error == client.UNREACHABLE


@pytest.mark.parametrize(
    ("url", "answers"),
    [
        pytest.param("https://hooks.example.com/", [["10.0.0.8"]], id="name of a private address"),
        pytest.param("https://hooks.example.com/", [["127.0.0.1"]], id="name of loopback"),
        pytest.param("https://hooks.example.com/", [["169.254.169.254", "fe80::1"]], id="link-local"),
        pytest.param("http://localhost/", [["10.0.0.8"]], id="localhost elsewhere"),
        pytest.param("https://10.0.0.8/", [], id="private address itself"),
        pytest.param("https://[::ffff:10.0.0.8]/", [], id="private address in disguise"),
        pytest.param("https://2130706433/", [["127.0.0.1"]], id="loopback as a number"),
    ],
)
async def test_address_that_is_not_public_is_refused_before_anything_is_sent(
    url: str, answers: list[Sequence[str]]
) -> None:
    attempt = await posted(url, resolver=Resolver(Names(answers)))

    assert (attempt.status, attempt.error) == (None, client.REFUSED)


async def test_name_without_an_address_is_an_error() -> None:
    def nothing(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror

    attempt = await posted("https://hooks.example.com/", resolver=Resolver(nothing))

    assert attempt.error == client.UNKNOWN


async def test_name_that_changes_between_check_and_connect_reaches_what_was_checked() -> None:
    async with a_receiver(host="127.0.0.1") as checked:
        names = Names([["127.0.0.1"], ["127.0.0.9"], ["127.0.0.9"]])
        async with (
            open_receivers(HERE, resolver=Resolver(names)) as receivers,
            _spy(checked.port) as spied,
        ):
            url = f"http://rebound.example.com:{checked.port}/"
            first = await receivers.send(a_delivery(url), NOW)
            second = await receivers.send(a_delivery(url), NOW)

    assert (first.status, len(checked.posts)) == (204, 1)
    assert checked.posts[0].headers["host"] == f"rebound.example.com:{checked.port}"
    assert (second.error, spied) == (client.REFUSED, [])
    assert names.asked == ["rebound.example.com"] * 2


async def test_allowed_address_is_taken_of_several() -> None:
    async with a_receiver() as receiver:
        resolver = Resolver(Names([["10.0.0.8", "127.0.0.1"]]))
        async with open_receivers(HERE, resolver=resolver) as receivers:
            url = f"http://both.example.com:{receiver.port}/"
            assert (await receivers.send(a_delivery(url), NOW)).status == 204


async def test_who_asks_for_a_name_at_the_same_time_shares_the_answer() -> None:
    names = Names([["127.0.0.1"]])
    async with a_receiver() as receiver, open_receivers(HERE, resolver=Resolver(names)) as receivers:
        url = f"http://shared.example.com:{receiver.port}/"
        attempts = await asyncio.gather(*(receivers.send(a_delivery(url), NOW) for _ in range(5)))

    assert [each.status for each in attempts] == [204] * 5
    assert len(names.asked) == 1


async def test_certificate_is_asked_for_the_name_and_not_for_the_address(tmp_path: Path) -> None:
    trust, tls = _certified(tmp_path, "hooks.example.com")
    async with a_receiver(tls=tls) as receiver:
        resolver = Resolver(lambda host, port: ["127.0.0.1"])
        async with open_receivers(HERE, resolver=resolver, trust=trust) as receivers:
            named = await receivers.send(a_delivery(f"https://hooks.example.com:{receiver.port}/"), NOW)
            other = await receivers.send(a_delivery(f"https://other.example.com:{receiver.port}/"), NOW)

    assert (named.status, other.status, other.error) == (204, None, client.UNTRUSTED)


@asynccontextmanager
async def _spy(port: int) -> AsyncIterator[list[object]]:
    """Note who comes to the same port of another address."""
    came: list[object] = []

    async def note(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(writer.get_extra_info("peername"))
        writer.close()

    server = await asyncio.start_server(note, "127.0.0.9", port)
    try:
        yield came
    finally:
        server.close()
        await server.wait_closed()


def _certified(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return who trusts, and who has, a certificate for a name."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, private)
    return ssl.create_default_context(cafile=str(certificate)), tls
