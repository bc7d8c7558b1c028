"""The numbers organizations must not call."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.identity import ExecutionId, OrganizationId, SuppressionId, TokenId
from domain.ports.paging import Page, Window
from domain.suppression import OPTED_OUT, NewSuppression, SkippedContact, Suppression


@dataclass(frozen=True, kw_only=True)
class AddedSuppression:
    """An entry as it stands, and what adding it did."""

    suppression: Suppression
    is_new: bool
    """False when the number was listed already and its entry was replaced."""
    skipped: Sequence[SkippedContact]


@dataclass(frozen=True, kw_only=True)
class ImportedSuppressions:
    """How many entries a list brought and replaced, and whom it skipped."""

    added: int
    updated: int
    skipped: Sequence[SkippedContact]


class SuppressionStore(Protocol):
    """The numbers organizations must not call.

    Adding a number skips, in the same transaction, the organization's contacts that wait for a retry or a
    follow-up on it; a contact that is `pending`, or being claimed at that moment, is skipped at its dial.
    """

    async def add(
        self, organization_id: OrganizationId, new: NewSuppression, now: datetime, *, added_by: TokenId
    ) -> AddedSuppression:
        """List a number; one that is listed takes the new reason and expiry.

        An opt-out stays as it is.
        """

    async def add_all(
        self,
        organization_id: OrganizationId,
        new: Sequence[NewSuppression],
        now: datetime,
        *,
        added_by: TokenId,
    ) -> ImportedSuppressions:
        """Do the same for many different numbers, all or none of them."""

    async def opt_out(
        self, execution_id: ExecutionId, now: datetime, *, reason: str = OPTED_OUT
    ) -> Sequence[SkippedContact]:
        """List the number an attempt called, for good; an earlier opt-out stays as it is.

        Raises ExecutionNotFound.
        """

    async def number_called(self, organization_id: OrganizationId, execution_id: ExecutionId) -> str:
        """Return the number an attempt called. Raises ExecutionNotFound."""

    async def list_suppressions(
        self, organization_id: OrganizationId, *, phone_number: str | None, window: Window
    ) -> Page[Suppression]:
        """Return entries, newest first, expired ones too."""

    async def get(self, organization_id: OrganizationId, suppression_id: SuppressionId) -> Suppression:
        """Raises SuppressionNotFound."""

    async def remove(
        self, organization_id: OrganizationId, suppression_id: SuppressionId, now: datetime
    ) -> None:
        """Let the number be called again; skipped contacts stay skipped. Raises SuppressionNotFound."""
