"""The names under which workflows ask for activities; histories hold them, so a running batch needs them."""

from collections.abc import Callable

from activities.campaigns import CampaignActivities
from tests.activities.scene import Scene
from tests.activities.test_campaign_slots import FakeRuns
from tests.fakes import FakeCapacityStore


def names(activities: tuple[Callable[..., object], ...]) -> list[str]:
    """Return what a worker registers; an activity goes by the name of its method."""
    return [each.__name__ for each in activities]


def test_every_activity_goes_by_the_name_running_batches_know() -> None:
    scene = Scene()

    assert {
        "calls": names(scene.dialling.all),
        "hang-ups": names(scene.hanging_up.all),
        "batches": names(scene.of_batches.all),
        "contacts": names(scene.of_contacts.all),
        "sleepers": names(scene.of_sleepers.all),
        "campaigns": names(CampaignActivities(FakeCapacityStore(scene.tables), FakeRuns()).all),
        "beside the story": names(scene.of_contacts.beside_the_story),
    } == {
        "calls": ["place_call", "check_call"],
        "hang-ups": ["hang_up_skipped"],
        "batches": [
            "load_batch",
            "begin_batch",
            "act_on_batch",
            "expire_batch",
            "next_contacts",
            "due_contacts",
            "finish_batch",
        ],
        "contacts": [
            "return_slot",
            "find_closed_contacts",
            "find_contacts_ended_by_hand",
            "stop_stories",
            "close_contact",
        ],
        "sleepers": ["tell_moved"],
        "campaigns": ["load_campaign", "look_at_holders", "ask_campaign"],
        "beside the story": ["settle_attempt"],
    }
