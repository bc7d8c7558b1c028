"""The typed environment; the only module that reads it.

Names and defaults are those of the public contract; lengths of time carry their unit in the name.
"""

import os
import sys
from base64 import b64decode
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal, NoReturn
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, HttpUrl, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.access import TOKEN_MARK
from domain.identity import OrganizationId
from telephony.settings import ProviderName, TelephonySettings

__all__ = ["EMBEDDED_HOST", "ProviderName", "Settings", "inherited_environment", "read_settings", "variables"]

PREFIX = "APOLLO_"
Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=86400)]

DATABASE_SCHEMES = ("postgresql://", "postgres://", "postgresql+psycopg://")
PAYLOAD_KEY_BYTES = 32
SECRET_LENGTH = 16
"""Of a secret that somebody chose; shorter ones are warned of."""
EMBEDDED_HOST = "127.0.0.1"
ANY_HOSTS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


class Settings(TelephonySettings, BaseSettings):
    """Everything an operator can set, from `APOLLO_*` variables or a `.env` file; empty is unset."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="_",
        env_nested_max_split=1,
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    api_host: str = "127.0.0.1"
    api_port: Port = 8000
    data_dir: Path = Path(".apollo")
    """Data of the embedded Postgres and Temporal."""

    database_url: SecretStr | None = None
    """Postgres to use; unset means the embedded one."""
    temporal_address: str | None = None
    """Temporal to use; unset means the embedded one."""
    temporal_namespace: str = "default"
    temporal_port: Port = 7233
    temporal_ui_port: Port = 8233
    payload_keys: SecretStr | None = None
    """One or more keys of 32 bytes in base64, separated by commas; the first encrypts, any decrypts."""

    web_host: str = "127.0.0.1"
    web_port: Port = 8030
    """Of the web console."""
    web_api_url: HttpUrl | None = None
    """Where the web console finds the API; unset means this machine's."""
    web_temporal_ui_url: HttpUrl | None = None
    """Where browsers find Temporal's Web UI, for links; unset means the embedded one, if there is one."""
    web_over_https: bool = False
    """Browsers reach the web console by https: the session's cookie is sent by nothing else."""

    webhook_url: HttpUrl | None = None
    """Where the provider posts statuses; unset means this API on loopback."""
    webhook_secret: SecretStr | None = None
    """One or more secrets, separated by commas; any of them verifies."""
    webhook_allow_unsigned: bool = False

    webhooks_allowed_networks: str = ""
    """Networks, separated by commas, whose addresses clients' webhook endpoints may have although they are
    not public."""

    bootstrap_token: SecretStr | None = None
    bootstrap_organization: OrganizationId = OrganizationId("org_demo")
    rate_limit_per_minute: Annotated[int, Field(ge=0)] = 0
    """Requests per token and minute; 0 is off."""
    concurrent_requests_per_token: Annotated[int, Field(ge=0)] = 200
    """Requests of one token that one API process serves at once; 0 is unlimited."""

    failed_tokens_per_minute: Annotated[int, Field(ge=0, le=1000)] = 30
    """Different tokens that may fail per client address and minute, and how often each; 0 is off."""

    api_statement_timeout_seconds: Seconds = 10
    """Of a statement in the API, but for those over all contacts of a batch."""
    worker_statement_timeout_seconds: Seconds = 60
    """The same in the worker."""
    lock_timeout_seconds: Seconds = 5
    """How long a statement may wait for a lock."""
    idle_transaction_timeout_seconds: Seconds = 60
    """How long a transaction may wait for its next statement."""

    ring_timeout_seconds: Annotated[int, Field(ge=5, le=600)] = 60
    max_call_seconds: Annotated[int, Field(ge=10, le=86400)] = 1800
    webhook_silence_seconds: Seconds = 30
    """Silence after which the provider is asked where a call stands."""

    number_key: SecretStr | None = None
    """What numbers of erased people are hashed with, where they must not be called; never to be changed."""
    retention_days: Annotated[int, Field(ge=0, le=36500)] = 0
    """How long after its end a batch tells who was called; 0 is for ever."""
    audit_retention_days: Annotated[int, Field(ge=0, le=36500)] = 0
    """How long the audit log is kept; 0 is for ever."""
    worker_metrics_port: Annotated[int, Field(ge=0, le=65535)] = 0
    """Where a worker serves its metrics; 0 is nowhere."""
    worker_metrics_host: str = "127.0.0.1"

    worker_build_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")] | None = None
    """Name of this worker's code: a contact is then called by workers of the build that began it."""

    log_level: str = "INFO"
    log_format: Literal["json", "console"] = "json"
    """Of the lines on standard error: for machines, or for the eye."""

    @field_validator("bootstrap_token")
    @classmethod
    def _marked(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None and not token.get_secret_value().startswith(TOKEN_MARK):
            raise ValueError(f"must start with {TOKEN_MARK}")
        return token

    @field_validator("webhooks_allowed_networks")
    @classmethod
    def _of_networks(cls, listed: str) -> str:
        for each in _listed(listed):
            try:
                ip_network(each)
            except ValueError:
                raise ValueError(f"{each} is no network, such as 10.20.0.0/16") from None
        return listed

    @field_validator("database_url")
    @classmethod
    def _of_postgres(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(DATABASE_SCHEMES):
            raise ValueError("must be postgresql://user:password@host:port/name")
        return url

    @field_validator("payload_keys")
    @classmethod
    def _whole_keys(cls, keys: SecretStr | None) -> SecretStr | None:
        if keys is not None and any(len(key) != PAYLOAD_KEY_BYTES for key in _decoded(keys)):
            raise ValueError(f"must be keys of {PAYLOAD_KEY_BYTES} bytes in base64, separated by commas")
        return keys

    @property
    def payload_encryption_keys(self) -> tuple[bytes, ...]:
        """The keys of what Temporal keeps for us, none when it keeps it readable."""
        return () if self.payload_keys is None else tuple(_decoded(self.payload_keys))

    @property
    def status_callback_url(self) -> str:
        """The address handed to the provider for status events."""
        if self.webhook_url is not None:
            return str(self.webhook_url)
        return f"http://127.0.0.1:{self.api_port}/webhooks/call-status"

    @property
    def api_url(self) -> str:
        """Where this machine reaches the API that has these settings."""
        return _url_of(self.api_host, self.api_port)

    @property
    def web_url(self) -> str:
        """Where this machine reaches the web console."""
        return _url_of(self.web_host, self.web_port)

    @property
    def console_api_url(self) -> str:
        """Where the web console finds the API."""
        return self.api_url if self.web_api_url is None else str(self.web_api_url).rstrip("/")

    @property
    def console_temporal_ui_url(self) -> str | None:
        """Where browsers find Temporal's Web UI, without a slash at the end."""
        if self.web_temporal_ui_url is not None:
            return str(self.web_temporal_ui_url).rstrip("/")
        return None if self.temporal_address else f"http://{EMBEDDED_HOST}:{self.temporal_ui_port}"

    @property
    def posts_statuses_to_loopback(self) -> bool:
        """Tell whether only a provider on this machine can reach the address it posts statuses to."""
        host = (urlsplit(self.status_callback_url).hostname or "").rstrip(".")
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost" or host.endswith(".localhost")

    @property
    def required_database_url(self) -> str:
        """The database's address, handed to its children by the embedded stack; ends the process without."""
        if self.database_url is None:
            sys.exit(
                "APOLLO_DATABASE_URL: set it to a Postgres database, or start the whole stack: apollo up"
            )
        return self.database_url.get_secret_value()

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """The secrets that verify a webhook, none when unset."""
        if self.webhook_secret is None:
            return ()
        return tuple(_listed(self.webhook_secret.get_secret_value()))

    @property
    def receivers_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks whose addresses webhook endpoints may have besides public ones."""
        return tuple(ip_network(each) for each in _listed(self.webhooks_allowed_networks))

    @property
    def short_secrets(self) -> tuple[str, ...]:
        """The variables whose secrets can be guessed; they work, for they may be in use."""
        token = "" if self.bootstrap_token is None else self.bootstrap_token.get_secret_value()
        held = {
            "APOLLO_BOOTSTRAP_TOKEN": [token.removeprefix(TOKEN_MARK)],
            "APOLLO_JAMBONZ_API_KEY": [self.jambonz.api_key.get_secret_value()],
            "APOLLO_ROTARY_API_KEY": [self.rotary.api_key.get_secret_value()],
            "APOLLO_NUMBER_KEY": [self.number_hash_key],
            "APOLLO_WEBHOOK_SECRET": self.webhook_secrets,
        }
        return tuple(
            name for name, secrets in held.items() if any(0 < len(each) < SECRET_LENGTH for each in secrets)
        )

    @property
    def number_hash_key(self) -> str:
        """What numbers of erased people are hashed with, empty when unset."""
        return "" if self.number_key is None else self.number_key.get_secret_value()

    @property
    def retention(self) -> timedelta | None:
        """How long after its end a batch tells who was called; None is for ever."""
        return timedelta(days=self.retention_days) or None

    @property
    def audit_retention(self) -> timedelta | None:
        """How long the audit log is kept; None is for ever."""
        return timedelta(days=self.audit_retention_days) or None

    @property
    def unsigned_webhooks_allowed(self) -> bool:
        """Without a secret, only an explicit word opens the door, or an API on loopback to this machine."""
        return self.webhook_allow_unsigned or self.api_host in LOOPBACK_HOSTS

    @property
    def ring_timeout(self) -> timedelta:
        """How long a phone may ring."""
        return timedelta(seconds=self.ring_timeout_seconds)

    @property
    def max_call(self) -> timedelta:
        """The longest call, from its answer."""
        return timedelta(seconds=self.max_call_seconds)

    @property
    def webhook_silence(self) -> timedelta:
        """Silence after which the provider is asked."""
        return timedelta(seconds=self.webhook_silence_seconds)


def _url_of(host: str, port: int) -> str:
    reached = EMBEDDED_HOST if host in ANY_HOSTS else host
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"


def _listed(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


def _decoded(keys: SecretStr) -> list[bytes]:
    """Return each key's bytes; one that is not base64 becomes empty, which is the wrong length."""
    return [_from_base64(key.strip()) for key in keys.get_secret_value().split(",") if key.strip()] or [b""]


def _from_base64(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return b""


def read_settings() -> Settings:
    """Return the settings, or end the process with one line that names the wrong variable."""
    try:
        return Settings()
    except ValidationError as error:
        _refuse(error)


def inherited_environment() -> dict[str, str]:
    """Return this process's environment, for the child processes that take it over."""
    return dict(os.environ)


def variables() -> dict[str, FieldInfo]:
    """Return what can be set, by the names of the variables."""
    found: dict[str, FieldInfo] = {}
    for name, field in Settings.model_fields.items():
        within = _fields_within(name)
        found |= {f"{PREFIX}{name}_{each}".upper(): inner for each, inner in within.items()}
        found |= {} if within else {f"{PREFIX}{name}".upper(): field}
    return found


def _fields_within(name: str) -> dict[str, FieldInfo]:
    """Return the fields of a provider's settings, none for any other setting."""
    kind = Settings.model_fields[name].annotation
    return kind.model_fields if isinstance(kind, type) and issubclass(kind, BaseModel) else {}


def _refuse(error: ValidationError) -> NoReturn:
    first = error.errors(include_url=False, include_input=False)[0]
    loc = [str(part) for part in first["loc"]]
    depth = 2 if _fields_within(loc[0]) else 1
    variable = PREFIX + "_".join(loc[:depth]).upper()
    name = ": ".join([variable, *(part for part in loc[depth:] if part != "[key]")])
    sys.exit(f"{name}: {first['msg'].removeprefix('Value error, ')}")
