"""A batch is followed to its end, through outages that pass, and given up on those that stay."""

import io
import json
from collections.abc import Mapping

import httpx
import pytest
from rich.console import Console

from console.failures import ApiUnreachable, RequestRefused
from console.progress import BatchProgress
from console.watch import Watcher
from tests.console.stand_in_api import Clock, StandInApi, a_batch, a_problem, ok


def watch(
    api: StandInApi, *, outage_seconds: float = 60, terminal: bool = False
) -> tuple[BatchProgress, str]:
    clock, screen = Clock(), io.StringIO()
    watcher = Watcher(clock=clock, pause=clock.pause, outage_seconds=outage_seconds)
    console = Console(file=screen, force_terminal=terminal, width=100, color_system=None)
    with api.client() as client:
        progress = watcher.follow(client, "btc_1", console)
    return progress, screen.getvalue()


@pytest.mark.parametrize("status", ["completed", "cancelled", "expired"])
def test_watch_ends_with_the_batch_whatever_its_end(status: str) -> None:
    progress, _ = watch(StandInApi(ok(a_batch()), ok(a_batch(status, completed=10))))

    assert progress.status == status


def test_lines_come_when_the_status_changes_and_else_every_five_seconds() -> None:
    # Asked every half second: the answers after the first ten lie beyond five seconds.
    running = [ok(a_batch(completed=1))] * 11
    _, shown = watch(StandInApi(*running, ok(a_batch("completed", completed=10))))

    lines = shown.splitlines()
    assert [line.split(" ")[:2] for line in lines] == [
        ["in_progress", "1/10"],
        ["in_progress", "1/10"],
        ["completed", "10/10"],
    ]


def test_short_outage_is_told_once_and_waited_out() -> None:
    api = StandInApi(
        ok(a_batch()),
        httpx.ConnectError,
        httpx.ReadTimeout,
        a_problem(503, "Database is unreachable"),
        ok(a_batch("completed", completed=10)),
    )

    progress, shown = watch(api)

    assert progress.status == "completed"
    assert [line for line in shown.splitlines() if "asking again" in line] == [
        "No answer from http://api.example (ConnectError); asking again …"
    ]


def test_outage_longer_than_the_patience_ends_the_watch() -> None:
    with pytest.raises(ApiUnreachable, match="No answer"):
        watch(StandInApi(ok(a_batch()), httpx.ConnectError), outage_seconds=5)


def test_two_outages_are_not_added_up() -> None:
    outage: list[httpx.Response | type[httpx.TransportError]] = [httpx.ConnectError] * 6  # three seconds
    api = StandInApi(*outage, ok(a_batch()), *outage, ok(a_batch("completed", completed=10)))

    progress, _ = watch(api, outage_seconds=4)

    assert progress.status == "completed"


def test_refusal_ends_the_watch_at_once() -> None:
    api = StandInApi(a_problem(404, "Batch not found"))
    with pytest.raises(RequestRefused, match="Batch not found"):
        watch(api)

    assert len(api.requests) == 1


def test_terminal_shows_a_bar_and_why_it_stands_still() -> None:
    api = StandInApi(ok(a_batch(completed=4)), httpx.ConnectError, ok(a_batch("completed", completed=10)))

    progress, shown = watch(api, terminal=True)

    assert progress.status == "completed"
    assert all(text in shown for text in ("4/10", "━", "asking again", "10/10"))


def events(*told: tuple[str, Mapping[str, object]]) -> bytes:
    """What an API sends of a batch that is followed."""
    return b"".join(
        b"event: %b\nid: 1\ndata: %b\n\n" % (kind.encode(), json.dumps(data).encode()) for kind, data in told
    )


def test_watch_goes_by_events_where_there_are_some() -> None:
    api = StandInApi(a_problem(500, "nobody asks"))
    done = {"status": "completed", "counters": {"completed": 10}}
    api.streams = [events(("batch", a_batch(completed=4))) + b": ping\n\n" + events(("change", done))]

    progress, shown = watch(api, terminal=True)

    assert (progress.status, progress.done, api.requests) == ("completed", 10, [])
    assert all(text in shown for text in ("4/10", "10/10"))


def test_watch_goes_on_after_a_stream_that_breaks_off() -> None:
    api = StandInApi(a_problem(500, "nobody asks"))
    api.streams = [
        events(("batch", a_batch(completed=4))),
        httpx.ReadError,
        events(("batch", a_batch("completed", completed=10)), ("end", {})),
    ]

    progress, shown = watch(api)

    assert progress.status == "completed"
    assert "asking again" in shown


def test_watch_polls_where_a_stream_cannot_be_read() -> None:
    api = StandInApi(ok(a_batch("completed", completed=10)))
    api.streams = [b"event: batch\ndata: nonsense\n\n"]

    progress, _ = watch(api)

    assert (progress.status, len(api.requests)) == ("completed", 1)
