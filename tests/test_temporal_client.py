"""Where Temporal is and how it is spoken to, from Apollo's own variables and those of its tools."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from temporalio.api.workflowservice.v1 import GetSystemInfoRequest
from temporalio.envconfig import ClientConnectConfig
from temporalio.service import TLSConfig

from settings import Settings
from temporal.client import connect, connect_config
from tests.workflows.world import a_real_server

CLOUD = "apollo.a1b2c.tmprl.example:7233"


def config(environment: Mapping[str, str], **own: object) -> ClientConnectConfig:
    """Read the environment, and no file of whoever runs the tests."""
    nowhere = {"TEMPORAL_CONFIG_FILE": "/dev/null"}
    return connect_config(Settings.model_construct().model_copy(update=own), nowhere | dict(environment))


@pytest.mark.parametrize(
    ("environment", "own", "expected"),
    [
        pytest.param(
            {}, {}, {"target_host": "127.0.0.1:7233", "namespace": "default", "tls": False}, id="nothing set"
        ),
        pytest.param(
            {"TEMPORAL_API_KEY": "k", "TEMPORAL_TLS": "true", "TEMPORAL_NAMESPACE": "shared"},
            {"temporal_port": 7300},
            {"target_host": "127.0.0.1:7300", "namespace": "default", "tls": False},
            id="the embedded server is never spoken to with a key, nor over TLS",
        ),
        pytest.param(
            {},
            {"temporal_address": "temporal:7233"},
            {"target_host": "temporal:7233", "namespace": "default", "tls": False},
            id="a plain server",
        ),
        pytest.param(
            {"TEMPORAL_ADDRESS": CLOUD, "TEMPORAL_NAMESPACE": "apollo.a1b2c", "TEMPORAL_API_KEY": "key"},
            {},
            {"target_host": CLOUD, "namespace": "apollo.a1b2c", "api_key": "key", "tls": True},
            id="the cloud, by an API key",
        ),
        pytest.param(
            {"TEMPORAL_ADDRESS": "other:7233", "TEMPORAL_NAMESPACE": "other", "TEMPORAL_API_KEY": "key"},
            {"temporal_address": "mine:7233", "temporal_namespace": "mine"},
            {"target_host": "mine:7233", "namespace": "mine", "api_key": "key", "tls": True},
            id="our own variables win",
        ),
        pytest.param(
            {"TEMPORAL_TLS": "false", "TEMPORAL_API_KEY": "key", "TEMPORAL_GRPC_META_X_TENANT": "north"},
            {"temporal_address": "proxy:7233"},
            {
                "target_host": "proxy:7233",
                "namespace": "default",
                "api_key": "key",
                "tls": False,
                "rpc_metadata": {"x-tenant": "north"},
            },
            id="a key without TLS, behind a proxy, with metadata",
        ),
        pytest.param(
            {"TEMPORAL_TLS": "", "TEMPORAL_API_KEY": "", "TEMPORAL_ADDRESS": "", "TEMPORAL_NAMESPACE": ""},
            {"temporal_address": "temporal:7233"},
            {"target_host": "temporal:7233", "namespace": "default", "tls": False},
            id="empty is unset",
        ),
    ],
)
def test_server_is_found_and_spoken_to_as_it_is_said(
    environment: dict[str, str], own: dict[str, object], expected: dict[str, object]
) -> None:
    assert config(environment, **own) == expected


def test_client_certificate_is_read_from_files(tmp_path: Path) -> None:
    for name in ("ca", "cert", "key"):
        (tmp_path / name).write_text(name)

    found = config(
        {
            "TEMPORAL_ADDRESS": CLOUD,
            "TEMPORAL_TLS_SERVER_NAME": "inner",
            "TEMPORAL_TLS_SERVER_CA_CERT_PATH": str(tmp_path / "ca"),
            "TEMPORAL_TLS_CLIENT_CERT_PATH": str(tmp_path / "cert"),
            "TEMPORAL_TLS_CLIENT_KEY_PATH": str(tmp_path / "key"),
        }
    )

    assert found["tls"] == TLSConfig(
        domain="inner", server_root_ca_cert=b"ca", client_cert=b"cert", client_private_key=b"key"
    )


def test_profile_of_the_shared_file_names_everything(tmp_path: Path) -> None:
    file = tmp_path / "temporal.toml"
    file.write_text(f'[profile.prod]\naddress = "{CLOUD}"\nnamespace = "prod"\napi_key = "key"\n')

    found = config({"TEMPORAL_CONFIG_FILE": str(file), "TEMPORAL_PROFILE": "prod"})

    assert found == {"target_host": CLOUD, "namespace": "prod", "api_key": "key", "tls": True}


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        pytest.param({"TEMPORAL_PROFILE": "gone"}, "TEMPORAL_.*'gone' not found", id="no such profile"),
        pytest.param(
            {"TEMPORAL_TLS_SERVER_CA_CERT_PATH": "/nowhere/ca.pem"},
            "TEMPORAL_.*/nowhere/ca.pem",
            id="no such certificate",
        ),
    ],
)
def test_wrong_description_is_refused_in_one_line(environment: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message) as refusal:
        config(environment, temporal_address="temporal:7233")

    assert "\n" not in str(refusal.value)


@pytest.mark.server
async def test_client_really_connects_over_tls_to_a_server_whose_certificate_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = a_certificate(tmp_path)
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("TEMPORAL_TLS_SERVER_CA_CERT_PATH", str(certificate))
    async with await a_real_server() as env:
        plain = env.client.service_client.config.target_host
        async with a_tls_door(plain, certificate) as (port, accepted):
            client = await connect(a_settings(port))
            await client.workflow_service.get_system_info(GetSystemInfoRequest())

            monkeypatch.delenv("TEMPORAL_TLS_SERVER_CA_CERT_PATH")
            monkeypatch.setenv("TEMPORAL_TLS", "true")
            with pytest.raises(RuntimeError, match="Failed client connect"):
                await connect(a_settings(port))

            assert accepted == ["TLSv1.3"]


def a_settings(port: int) -> Settings:
    return Settings.model_construct().model_copy(update={"temporal_address": f"127.0.0.1:{port}"})


def a_certificate(folder: Path) -> Path:
    """Write a certificate for 127.0.0.1 that signed itself, with its key, and return where."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "temporal")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "server.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + pem)
    return path


@asynccontextmanager
async def a_tls_door(plain: str, certificate: Path) -> AsyncIterator[tuple[int, list[str]]]:
    """Open a door that takes TLS off and passes on to a plain server; yield its port and who came in."""
    accepted: list[str] = []
    tasks: set[asyncio.Task[None]] = set()
    host, _, port = plain.rpartition(":")

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()

    async def enter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.append(writer.get_extra_info("ssl_object").version())
        inner_reader, inner_writer = await asyncio.open_connection(host, int(port))
        for source, sink in ((reader, inner_writer), (inner_reader, writer)):
            tasks.add(asyncio.create_task(pass_on(source, sink)))

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.set_alpn_protocols(["h2"])
    server = await asyncio.start_server(enter, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1], accepted
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # the loop closes the sockets in its next round
