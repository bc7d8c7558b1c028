"""Ids as clients send them: text of a wrong shape names nothing, and never reaches the database."""

import re

from domain.errors import (
    BatchNotFound,
    CampaignNotFound,
    ContactNotFound,
    DeliveryNotFound,
    EndpointNotFound,
    ExecutionNotFound,
    SuppressionNotFound,
    TokenNotFound,
)
from domain.identity import (
    BATCH_PREFIX,
    CAMPAIGN_PREFIX,
    CONTACT_PREFIX,
    DELIVERY_PREFIX,
    ENDPOINT_PREFIX,
    EXECUTION_PREFIX,
    SUPPRESSION_PREFIX,
    TOKEN_PREFIX,
    BatchId,
    CampaignId,
    ContactId,
    DeliveryId,
    EndpointId,
    ExecutionId,
    SuppressionId,
    TokenId,
)

_UNIQUE_PART = re.compile(r"[0-9A-Za-z_-]{1,64}")
_ANY = re.compile(r"[0-9A-Za-z_-]{1,255}")


def campaign_id_of(text: str) -> CampaignId:
    """Raises CampaignNotFound for text that is no campaign id."""
    if not _has_shape(text, CAMPAIGN_PREFIX):
        raise CampaignNotFound
    return CampaignId(text)


def batch_id_of(text: str) -> BatchId:
    """Raises BatchNotFound for text that is no batch id."""
    if not _has_shape(text, BATCH_PREFIX):
        raise BatchNotFound
    return BatchId(text)


def contact_id_of(text: str) -> ContactId:
    """Raises ContactNotFound for text that is no contact id."""
    if not _has_shape(text, CONTACT_PREFIX):
        raise ContactNotFound
    return ContactId(text)


def execution_id_of(text: str) -> ExecutionId:
    """Raises ExecutionNotFound for text that is no execution id."""
    if not _has_shape(text, EXECUTION_PREFIX):
        raise ExecutionNotFound
    return ExecutionId(text)


def suppression_id_of(text: str) -> SuppressionId:
    """Raises SuppressionNotFound for text that is no suppression id."""
    if not _has_shape(text, SUPPRESSION_PREFIX):
        raise SuppressionNotFound
    return SuppressionId(text)


def token_id_of(text: str) -> TokenId:
    """Raises TokenNotFound for text that is no token id."""
    if not _has_shape(text, TOKEN_PREFIX):
        raise TokenNotFound
    return TokenId(text)


def endpoint_id_of(text: str) -> EndpointId:
    """Raises EndpointNotFound for text that is no id of a webhook endpoint."""
    if not _has_shape(text, ENDPOINT_PREFIX):
        raise EndpointNotFound
    return EndpointId(text)


def delivery_id_of(text: str) -> DeliveryId:
    """Raises DeliveryNotFound for text that is no id of a webhook delivery."""
    if not _has_shape(text, DELIVERY_PREFIX):
        raise DeliveryNotFound
    return DeliveryId(text)


def could_be_an_id(text: str) -> bool:
    """Tell whether text has the shape of an id of any kind."""
    return _ANY.fullmatch(text) is not None


def _has_shape(text: str, prefix: str) -> bool:
    return text.startswith(prefix) and _UNIQUE_PART.fullmatch(text, len(prefix)) is not None
