"""One way to reach Temporal, for the worker, the API and the command line."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from temporalio.api.failure.v1 import Failure
from temporalio.client import Client, Interceptor
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultFailureConverter,
    PayloadConverter,
)
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from settings import EMBEDDED_HOST, Settings, inherited_environment
from temporal.encryption import EncryptingCodec

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer


_PYDANTIC = PydanticPayloadConverter()


class _Payloads(CompositePayloadConverter):
    """Pydantic's converters, the same ones for all.

    Every run of a workflow makes one of these, and with converters of its own would build the schemas of
    all its messages again.
    """

    def __init__(self) -> None:
        super().__init__(*_PYDANTIC.converters.values())


class _NamedFailures(DefaultFailureConverter):
    """Writes no stack trace of what is no error: every call that is answered would keep one."""

    def to_failure(
        self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure
    ) -> None:
        if isinstance(exception, ApplicationError) and exception.category is ApplicationErrorCategory.BENIGN:
            exception = exception.with_traceback(None)
        super().to_failure(exception, payload_converter, failure)


class _EncodedFailures(_NamedFailures):
    """Also keeps what is said of failures among the payloads, which are encrypted."""

    def __init__(self) -> None:
        super().__init__(encode_common_attributes=True)


DATA_CONVERTER = DataConverter(payload_converter_class=_Payloads, failure_converter_class=_NamedFailures)
"""How values become payloads when nothing is encrypted."""


async def connect(settings: Settings, *, lazy: bool = False, tracer: "Tracer | None" = None) -> Client:
    """Return a client; with `lazy` nothing is asked of the server before it is needed.

    With a tracer it carries each trace on to the workflows and activities it starts, in headers alone; a
    worker of this client goes on with them.

    Raises ValueError with one line when the connection is described wrongly.
    """
    return await Client.connect(
        **connect_config(settings, inherited_environment()),
        data_converter=data_converter(settings.payload_encryption_keys),
        interceptors=_interceptors(tracer),
        lazy=lazy,
    )


def _interceptors(tracer: "Tracer | None") -> Sequence[Interceptor]:
    if tracer is None:
        return ()
    from temporalio.contrib.opentelemetry import TracingInterceptor

    return (TracingInterceptor(tracer),)


def connect_config(settings: Settings, environment: Mapping[str, str]) -> ClientConnectConfig:
    """Return which server is used and how it is spoken to.

    TLS, API key and metadata come from the `TEMPORAL_*` variables and the configuration file that all of
    Temporal's tools share, and so do address and namespace unless Apollo's own variables name them.
    Where nobody names an address it is the embedded server. Raises ValueError with one line.
    """
    shared = _shared_config(environment)
    address = settings.temporal_address or shared.get("target_host")
    if address is None:
        return ClientConnectConfig(
            target_host=f"{EMBEDDED_HOST}:{settings.temporal_port}",
            namespace=settings.temporal_namespace,
            tls=False,
        )
    own_namespace = "temporal_namespace" in settings.model_fields_set
    namespace = settings.temporal_namespace if own_namespace else shared.get("namespace")
    defaults = ClientConnectConfig(namespace=settings.temporal_namespace, tls=False)
    named = ClientConnectConfig(target_host=address, namespace=namespace or settings.temporal_namespace)
    return {**defaults, **shared, **named}


def data_converter(keys: Sequence[bytes]) -> DataConverter:
    """Return how values become payloads: plain without keys, else encrypted, failures' texts too."""
    if not keys:
        return DATA_CONVERTER
    return replace(
        DATA_CONVERTER,
        payload_codec=EncryptingCodec(keys),
        failure_converter_class=_EncodedFailures,
    )


def _shared_config(environment: Mapping[str, str]) -> ClientConnectConfig:
    # An empty variable counts as unset, as everywhere in Apollo; here an empty TEMPORAL_TLS would turn it on.
    named = {name: value for name, value in environment.items() if value}
    try:
        return ClientConfig.load_client_connect_config(override_env_vars=named)
    except (OSError, RuntimeError, ValueError) as error:
        raise ValueError(f"TEMPORAL_*: {error}") from error
