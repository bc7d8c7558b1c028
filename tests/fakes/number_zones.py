"""Numbers whose zones are to be learnt, in memory."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from domain.batch import TERMINAL_BATCH, timezone_in_force
from domain.contact import TERMINAL, Contact
from domain.identity import BatchId, ContactId
from domain.ports import NumbersToLearn
from domain.zones import FROM_NUMBER
from tests.fakes.tables import Tables


class FakeNumberZoneStore:
    """Implements NumberZoneStore; what is to be learnt is read from the contacts alone."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def mark_unasked(self, version: str, limit: int) -> int:
        """Mark none, for no batch is found in which nobody asks."""
        self._tables.require_up()
        return 0

    async def batches_to_learn(self, version: str, limit: int) -> Sequence[BatchId]:
        """Return unfinished batches some of whose contacts ask for zones that are not learnt."""
        self._tables.require_up()
        unfinished = (each for each in self._tables.batches.values() if each.status not in TERMINAL_BATCH)
        found = (each.batch_id for each in unfinished if any(self._asking(each.batch_id, version)))
        return sorted(found)[:limit]

    async def numbers_to_learn(
        self, batch_id: BatchId, version: str, after_position: int, limit: int
    ) -> NumbersToLearn | None:
        """Look at the next contacts."""
        self._tables.require_up()
        batch = self._tables.batches.get(batch_id)
        if batch is None or batch.status in TERMINAL_BATCH:
            return None
        behind = [each for each in self._tables.contacts_of(batch_id) if each.position > after_position]
        page = behind[:limit]
        ids = {each.contact_id for each in page}
        asking = {each.contact_id: each.phone_number for each in self._asking(batch_id, version)}
        return NumbersToLearn(
            numbers={contact_id: number for contact_id, number in asking.items() if contact_id in ids},
            last_position=page[-1].position if page else after_position,
            has_asking=any(each.contact_id in ids for each in self._asking(batch_id, None)),
            is_last=len(page) < limit,
            rules_version=1,
        )

    async def keep_zones(
        self,
        batch_id: BatchId,
        version: str,
        numbers: Mapping[ContactId, str],
        zones: Mapping[ContactId, Sequence[str]],
    ) -> None:
        """Keep the zones of contacts that still have these numbers."""
        self._tables.require_up()
        for contact_id, learnt in zones.items():
            contact = self._tables.contacts[contact_id]
            if contact.batch_id == batch_id and contact.phone_number == numbers[contact_id]:
                self._tables.contacts[contact_id] = replace(
                    contact, number_timezones=tuple(learnt), zones_version=version
                )

    async def mark_learnt(self, batch_id: BatchId, version: str, seen: NumbersToLearn) -> bool:
        """Tell whether nothing is left behind."""
        self._tables.require_up()
        return seen.is_last and not any(self._asking(batch_id, version))

    def _asking(self, batch_id: BatchId, version: str | None) -> Iterable[Contact]:
        """Yield who asks and is not learnt by a version; without one, who asks."""
        batch = self._tables.batches[batch_id]
        followed = timezone_in_force(batch.overrides, self._tables.campaigns[batch.campaign_id].rules)
        return (
            each
            for each in self._tables.contacts_of(batch_id)
            if (each.timezone or followed) == FROM_NUMBER
            and (version is None or each.zones_version != version)
            and each.status not in TERMINAL
        )
