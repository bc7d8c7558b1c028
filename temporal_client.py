"""One way to reach Temporal, for the worker, the API and the command line."""

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfigProfile

from settings import Settings

DATA_CONVERTER = pydantic_data_converter
EMBEDDED_HOST = "127.0.0.1"


def temporal_address(settings: Settings) -> str:
    """Return `host:port` of the server in use."""
    return settings.temporal_address or f"{EMBEDDED_HOST}:{settings.temporal_port}"


async def connect(settings: Settings, *, lazy: bool = False) -> Client:
    """Return a client; with `lazy` nothing is asked of the server before it is needed.

    For a server of one's own, TLS and API key come from the usual `TEMPORAL_*` variables.
    """
    if settings.temporal_address is None:
        secured = ClientConfigProfile()
    else:
        secured = ClientConfigProfile.load(disable_file=True)
    return await Client.connect(
        temporal_address(settings),
        namespace=settings.temporal_namespace,
        api_key=secured.api_key,
        tls=secured.tls.to_connect_tls_config() if secured.tls else bool(secured.api_key),
        data_converter=DATA_CONVERTER,
        lazy=lazy,
    )
