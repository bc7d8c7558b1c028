"""The numbers of a campaign are those that counting its rows one by one gives."""

from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, update

from domain.batch import Batch, BatchOverrides, BatchStatus
from domain.call import ASKED, AttemptKind, CallStatus, DialState
from domain.campaign import CallCounters
from domain.campaign_stats import CampaignStats
from domain.contact import ContactStatus
from domain.redial import RedialPolicy
from store.database.engine import transaction
from store.schema.tables import batches, calls, contacts
from tests.builders import ORGANIZATION, a_campaign_rules
from tests.store.scenes import Stores

pytestmark = pytest.mark.store


@dataclass(frozen=True)
class _Call:
    status: CallStatus
    kind: AttemptKind
    dialled: DialState


@dataclass(frozen=True)
class _Person:
    status: ContactStatus
    retry_count: int
    calls: list[_Call]


@dataclass(frozen=True)
class _Upload:
    status: BatchStatus
    override: int | None
    policy: int | None
    people: list[_Person]

    def most_retries(self, of_campaign: int) -> int:
        if self.override is not None:
            return self.override
        return of_campaign if self.policy is None else self.policy


_RETRIES = st.integers(0, 20)
_PERSON = st.builds(
    _Person,
    st.sampled_from(ContactStatus),
    st.integers(0, 5),
    st.lists(
        st.builds(
            _Call, st.sampled_from(CallStatus), st.sampled_from(AttemptKind), st.sampled_from(DialState)
        ),
        max_size=3,
    ),
)
_UPLOAD = st.builds(
    _Upload,
    st.sampled_from(BatchStatus),
    st.none() | _RETRIES,
    st.none() | _RETRIES,
    st.lists(_PERSON, min_size=1, max_size=6),
)


def _counted(own: int, uploads: list[_Upload]) -> CampaignStats:
    people = [person for upload in uploads for person in upload.people]
    made = [call for person in people for call in person.calls]
    ended = Counter(call.status for call in made)
    follow_ups = [call for call in made if call.kind is AttemptKind.FOLLOW_UP]
    return CampaignStats(
        contacts=Counter(person.status for person in people),
        batches=Counter(upload.status for upload in uploads),
        calls=CallCounters(
            completed_calls=ended[CallStatus.COMPLETED],
            failed_calls=ended[CallStatus.FAILED] + ended[CallStatus.UNKNOWN],
            busy_calls=ended[CallStatus.BUSY],
            no_answer_calls=ended[CallStatus.NO_ANSWER],
            follow_up_calls=sum(call.dialled in ASKED for call in follow_ups),
        ),
        waiting_for_retry=Counter(
            person.retry_count + 1 for person in people if person.status is ContactStatus.RETRYING
        ),
        most_retries=max([own, *(upload.most_retries(own) for upload in uploads)]),
        attempts=len(made),
        follow_ups=len(follow_ups),
    )


async def _keep(stores: Stores, batch: Batch, upload: _Upload) -> None:
    people = await stores.people_of(batch)
    b, c = batches.c, contacts.c
    paused_by = "batch" if upload.status is BatchStatus.PAUSED else None
    async with transaction(stores.engine) as connection:
        await connection.execute(
            update(batches)
            .where(b.batch_id == batch.batch_id)
            .values(status=upload.status, paused_by=paused_by)
        )
        for kept, person in zip(people, upload.people, strict=True):
            await connection.execute(
                update(contacts)
                .where(c.contact_id == kept.contact_id)
                .values(status=person.status, retry_count=person.retry_count)
            )
            for attempt, call in enumerate(person.calls, start=1):
                values = {
                    "execution_id": f"exec_{kept.contact_id}_{attempt}",
                    "contact_id": kept.contact_id,
                    "batch_id": batch.batch_id,
                    "campaign_id": batch.campaign_id,
                    "attempt": attempt,
                    "kind": call.kind,
                    "call_status": call.status,
                    "dial_state": call.dialled,
                    "to_number": f"{kept.contact_id}/{attempt}",
                }
                await connection.execute(insert(calls).values(values))


@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(own=_RETRIES, uploads=st.lists(_UPLOAD, max_size=3))
async def test_numbers_are_those_of_the_rows(stores: Stores, own: int, uploads: list[_Upload]) -> None:
    rules = a_campaign_rules(retry_policy=RedialPolicy(max_retries=own))
    campaign = await stores.a_kept_campaign(rules)
    await stores.a_kept_batch(2)
    for upload in uploads:
        policy = None if upload.policy is None else RedialPolicy(max_retries=upload.policy)
        overrides = BatchOverrides(max_retries_override=upload.override, retry_policy=policy)
        batch = await stores.a_kept_batch(len(upload.people), campaign=campaign, overrides=overrides)
        await _keep(stores, batch, upload)

    # The first look keeps what it counted of batches that are over; the next one finds it.
    for _ in range(2):
        assert await stores.campaigns.stats(ORGANIZATION, campaign.campaign_id) == _counted(own, uploads)
