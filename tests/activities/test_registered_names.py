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
        "beside the story": ["settle_attempt"],
    }
