"""The names under which workflows ask for activities; histories hold them, so a running batch needs them."""

from collections.abc import Callable

from tests.activities.scene import Scene


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
        "slots": names(scene.of_slots.all),
        "beside the story": names(scene.of_contacts.beside_the_story),
        "beside the batch": names(scene.of_slots.local),
    } == {
        "calls": ["place_call", "check_call"],
        "hang-ups": ["hang_up_skipped"],
        "batches": ["begin_batch", "act_on_batch", "expire_batch", "finish_batch"],
        "contacts": ["return_slot", "stop_stories", "close_contact"],
        "slots": ["find_lost_slots", "is_over"],
        "beside the story": ["settle_attempt"],
        "beside the batch": ["grant_slots"],
    }
