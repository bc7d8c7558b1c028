"""The demo believes nothing it has not checked, and its people are as promised."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import phonenumbers
import pytest
from rich.console import Console

from cli import DEMO_CONTACTS
from console.demo import Demo
from console.failures import ApiUnreachable, CommandFailed
from tests.console.stand_in_api import StandInApi, a_batch, ok

pytestmark = pytest.mark.process

CAMPAIGN = {"campaign_id": "cmp_1"}
PEOPLE = "phone_number\n+14155550120\n+14155550102\n"
CALLED = [
    {
        "status": "completed",
        "call_records": [{"execution_id": "exec_1", "call_status": "completed", "provider_call_id": "sid"}],
    },
    {
        "status": "no_answer",
        "call_records": [{"execution_id": "exec_2", "call_status": "no_answer", "provider_call_id": "sid"}],
    },
]
RINGS = [{"execution_id": "exec_1"}, {"execution_id": "exec_2"}]
LEDGER = {"rings": RINGS, "peak_live": 2}


@contextmanager
def a_ledger(body: object) -> Iterator[str]:
    """Serve a ledger at the yielded address."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, format: str, *args: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/ledger"
        finally:
            server.shutdown()
            thread.join()


def an_api(status: str = "completed") -> StandInApi:
    ended = ok(a_batch(status, 2, completed=1, no_answer=1))
    return StandInApi(
        ok(CAMPAIGN, 201), ok(a_batch(total=2), 201), ok(a_batch(total=2)), ended, ended, ok(CALLED)
    )


def run_demo(ledger_url: str, api: StandInApi) -> tuple[str, str]:
    screen = io.StringIO()
    with api.client() as client, TemporaryDirectory() as folder:
        people = Path(folder) / "people.csv"
        people.write_text(PEOPLE)
        demo = Demo(
            api=client, ledger_url=ledger_url, pause=lambda _: None, console=Console(file=screen, width=100)
        )
        return demo.run(people), screen.getvalue()


def test_demo_that_went_as_promised_shows_its_tables() -> None:
    with a_ledger(LEDGER) as url:
        batch_id, shown = run_demo(url, an_api())

    rows = [
        [cell.strip() for cell in line.strip("│").split("│")] for line in shown.splitlines() if "│" in line
    ]
    assert batch_id == "btc_1"
    assert rows[:-1] == [
        ["completed", "1"],
        ["no_answer", "1"],
        ["all", "2"],
        ["attempts recorded", "2"],
        ["calls placed", "2"],
        ["answered", "50% of ended calls"],
        ["most at once", "2 of 20 allowed"],
        ["attempts with two rings", "0"],
        ["rings without a recorded attempt", "0"],
        ["recorded calls that never rang", "0"],
    ]


def test_demo_with_a_second_ring_fails_and_says_why() -> None:
    twice = {"rings": [*RINGS, {"execution_id": "exec_2"}], "peak_live": 2}
    with a_ledger(twice) as url, pytest.raises(CommandFailed) as failed:
        run_demo(url, an_api())

    assert str(failed.value) == "The demo did not go as promised: 1 attempts rang twice"


def test_demo_whose_batch_did_not_complete_fails() -> None:
    with a_ledger(LEDGER) as url, pytest.raises(CommandFailed, match="the batch ended as cancelled"):
        run_demo(url, an_api("cancelled"))


def test_demo_without_a_ledger_proves_nothing() -> None:
    with a_ledger({"odd": True}) as url, pytest.raises(ApiUnreachable, match="ledger cannot be read"):
        run_demo(url, an_api())


def demo_numbers() -> list[str]:
    with DEMO_CONTACTS.open(encoding="utf-8", newline="") as file:
        return [row["phone_number"] for row in csv.DictReader(file)]


def test_demo_calls_two_hundred_different_possible_numbers() -> None:
    numbers = demo_numbers()
    possible = [
        phonenumbers.is_possible_number_with_reason(phonenumbers.parse(number, None)) for number in numbers
    ]

    assert (len(numbers), len(set(numbers))) == (200, 200)
    assert set(possible) == {phonenumbers.ValidationResult.IS_POSSIBLE}


def test_demo_shows_every_behaviour_of_the_simulator_and_few_slow_ones() -> None:
    endings = Counter(number[-2:] for number in demo_numbers())
    special = {f"{number:02}": endings[f"{number:02}"] for number in range(1, 13)}

    assert min(special.values()) > 0
    assert special["05"] + special["08"] + special["10"] <= 12
