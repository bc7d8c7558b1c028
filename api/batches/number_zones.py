"""The zones of an upload's numbers, learnt where the upload or its campaign asks for them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import sleep

from anyio import to_thread

from domain.campaign import CampaignRules
from domain.contact import NewContact
from domain.errors import FieldError, InvalidRequest
from domain.number_zones import zones_of_number
from domain.zones import FROM_NUMBER

_BREATH = 50
"""Numbers looked up before other threads may run; about two milliseconds."""
_PAUSE_SECONDS = 0.0001
_MESSAGE = "from_number needs the campaign's fallback_timezone, for numbers that tell none"


@dataclass(frozen=True)
class NumberZones:
    """Whose zones are those of their numbers, in one upload."""

    batch_timezone: str | None
    campaign: CampaignRules

    def require_fallback(self, contacts: Sequence[NewContact] = ()) -> None:
        """Raise InvalidRequest where zones of numbers are asked for and the campaign has no other."""
        if self.campaign.fallback_timezone is not None:
            return
        if self.batch_timezone == FROM_NUMBER:
            raise _missing("timezone")
        if any(each.timezone == FROM_NUMBER for each in contacts):
            raise _missing("contacts")

    async def learn(self, contacts: Sequence[NewContact]) -> Sequence[NewContact]:
        """Return the contacts with the zones of their numbers; takes seconds for the largest upload."""
        if not any(self._is_asked_for(each) for each in contacts):
            return contacts
        return await to_thread.run_sync(self._learnt, contacts)

    def _learnt(self, contacts: Sequence[NewContact]) -> Sequence[NewContact]:
        learnt = []
        for index, each in enumerate(contacts, start=1):
            if index % _BREATH == 0:
                sleep(_PAUSE_SECONDS)  # gives up the interpreter's lock
            is_asked_for = self._is_asked_for(each)
            zones = zones_of_number(each.phone_number) if is_asked_for else None
            learnt.append(replace(each, number_timezones=zones) if is_asked_for else each)
        return learnt

    def _is_asked_for(self, contact: NewContact) -> bool:
        named = contact.timezone or self.batch_timezone or self.campaign.timezone
        return named == FROM_NUMBER and contact.skip_detail is None


def _missing(field: str) -> InvalidRequest:
    return InvalidRequest([FieldError(("body", field), _MESSAGE, "fallback_timezone")])
