"""What clients may ask of a list; unknown parameters are ignored."""

from pydantic import BaseModel, ConfigDict, Field

from api.http.paging import Flag, Limit, Skip
from api.http.wire import E164
from domain.batch import BatchStatus
from domain.campaign import CampaignStatus
from domain.contact import ContactStatus
from domain.ports import Window

_ANY_OF = "May be repeated: any of them matches."


class ListQuery(BaseModel):
    """A stretch of a list."""

    model_config = ConfigDict(frozen=True)

    skip: Skip = 0
    limit: Limit = 50

    @property
    def window(self) -> Window:
        """Return the stretch as the stores know it."""
        return Window(skip=self.skip, limit=self.limit)


class CampaignsQuery(ListQuery):
    """Which campaigns."""

    status: list[CampaignStatus] = Field(default=[], description=_ANY_OF)
    organization_id: str | None = Field(default=None, description="Absent means the token's.")


class BatchesOfCampaignQuery(ListQuery):
    """Which batches of one campaign."""

    status: list[BatchStatus] = Field(default=[], description=_ANY_OF)


class BatchesQuery(BatchesOfCampaignQuery):
    """Which batches."""

    campaign_id: str | None = None
    organization_id: str | None = Field(default=None, description="Absent means the token's.")


class SuppressionsQuery(ListQuery):
    """Which suppressed numbers."""

    phone_number: E164 | None = Field(default=None, description="Only the entry of this number.")
    organization_id: str | None = Field(default=None, description="Absent means the token's.")


class ContactsQuery(ListQuery):
    """Which contacts, and how much of them."""

    limit: Limit = 100
    status: list[ContactStatus] = Field(default=[], description=_ANY_OF)
    include_calls: Flag = Field(default=False, description="Show every call, not only the newest.")
