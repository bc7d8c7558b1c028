"""Names of the things Apollo keeps; opaque text with a telling prefix."""

from typing import NewType, Protocol

OrganizationId = NewType("OrganizationId", str)
TokenId = NewType("TokenId", str)
CampaignId = NewType("CampaignId", str)
BatchId = NewType("BatchId", str)
ContactId = NewType("ContactId", str)
ExecutionId = NewType("ExecutionId", str)
SuppressionId = NewType("SuppressionId", str)
EndpointId = NewType("EndpointId", str)
EventId = NewType("EventId", str)
DeliveryId = NewType("DeliveryId", str)
ErasureId = NewType("ErasureId", str)

CAMPAIGN_PREFIX = "cmp_"
BATCH_PREFIX = "btc_"
CONTACT_PREFIX = "con_"
EXECUTION_PREFIX = "exec_"
SUPPRESSION_PREFIX = "sup_"
ENDPOINT_PREFIX = "whe_"
EVENT_PREFIX = "evt_"
DELIVERY_PREFIX = "whd_"
ERASURE_PREFIX = "era_"
TOKEN_PREFIX = "tok_"  # noqa: S105 - names a row; the secret itself starts with gat_


class MintId(Protocol):
    """Make a new id that starts with `prefix`; ids of one kind sort by creation."""

    def __call__(self, prefix: str) -> str: ...
