"""Creates that are struck while they are under way, each repeated with its key until it is answered 201.

A round creates a batch and freezes Temporal, kills the API, or freezes Postgres at a moment drawn from the
seed. Whatever the sender was answered before, there must be one batch a key, and no number rung by two.

    python -m tests.hostile.repeated_creates --rounds 60 --seed 1
"""

import sys
import time
from argparse import ArgumentParser
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby, islice, product
from random import Random

import httpx

from console.api_client import JsonObject
from temporal.process_exit import leave
from tests.e2e.world import World, a_fresh_world
from tests.hostile.blows import Blow, Moment, strike, watching

CONTACTS = 3000
LIMIT = 5
RINGS = 5
"""Of each batch, so that a batch that is only stored is not taken for one that calls."""
ROUND_SECONDS = 120
OVERLAP = 2
"""Rounds a batch goes on calling beside later ones, so that a second one under its key had time to ring."""

FREE_AGAIN = (409, 503)
"""Answers that say: repeat."""


@dataclass(frozen=True, kw_only=True)
class Round:
    """One create and what happens to it."""

    number: int
    blow: Blow
    moment: Moment
    share: float
    """For a blow at a time: from the sending of the request, of the seconds of an undisturbed create."""
    lasts: float
    """Seconds."""
    patience: float
    """Seconds after which the sender gives an answer up."""


def drawn_rounds(seed: int) -> Iterator[Round]:
    """Yield the rounds of a seed, each blow equally often at each kind of moment."""
    draw, number = Random(seed), 0
    while True:
        for blow, moment in draw.sample(list(product(Blow, Moment)), len(Blow) * len(Moment)):
            number += 1
            yield Round(
                number=number,
                blow=blow,
                moment=moment,
                share=draw.uniform(0, 1.5),
                lasts=draw.uniform(1, 5),
                patience=draw.uniform(1, 6),
            )


@dataclass
class Tale:
    """What came out of a round."""

    round: Round
    campaign_id: str
    answers: list[str] = field(default_factory=list)
    """In order; the last one is the 201."""
    batch_id: str = ""
    batches: Sequence[str] = ()
    """Under the campaign, when the round was over and again at the very end."""
    seconds: float = 0
    """From the first sending to the 201."""


class NotAsPromised(Exception):
    """An answer that the contract does not know."""


class Sender:
    """Sends one create under one key, again and again."""

    def __init__(self, world: World, body: JsonObject, key: str, patience: float) -> None:
        self._url = f"{world.stack.plan.api_url}/api/v1/batches/"
        self._headers = {"Authorization": f"Bearer {world.stack.token}", "Idempotency-Key": key}
        self._body, self._patience = body, patience

    def send(self) -> tuple[str, JsonObject | None]:
        """Send once; returns what came of it, and the batch if it was answered with one."""
        try:
            answer = httpx.post(
                self._url, json=self._body, headers=self._headers, timeout=self._patience, trust_env=False
            )
        except httpx.TransportError as failure:
            return type(failure).__name__, None
        if answer.status_code == httpx.codes.CREATED:
            replayed = " replayed" if "Idempotency-Replayed" in answer.headers else ""
            return f"201{replayed}", answer.json()
        if answer.status_code not in FREE_AGAIN:
            raise NotAsPromised(f"{answer.status_code} {answer.text}")
        return str(answer.status_code), None

    def send_until_created(self, tale: Tale) -> JsonObject:
        """Repeat until it is created. Raises NotAsPromised."""
        began = time.monotonic()
        while time.monotonic() < began + ROUND_SECONDS:
            told, batch = self.send()
            tale.answers.append(told)
            if batch is not None:
                tale.seconds = time.monotonic() - began
                return batch
            time.sleep(0.2)
        raise NotAsPromised(f"no 201 in {ROUND_SECONDS} s: {tale.answers}")


@dataclass
class Storm:
    """All rounds on one stack."""

    world: World
    tales: list[Tale] = field(default_factory=list)

    def run(self, rounds: Sequence[Round]) -> None:
        """Run the rounds, one after the other. Raises NotAsPromised, TimeoutError."""
        undisturbed = self._calm_create_seconds()
        for each in rounds:
            self.tales.append(self._round(each, undisturbed))
            for over in self.tales[-OVERLAP - 1 : -OVERLAP]:
                self.world.api.act("campaigns", over.campaign_id, "cancel")
            _say(self.tales[-1])
        for tale in self.tales:
            tale.batches = self._batches_of(tale.campaign_id)

    def faults(self) -> list[str]:
        """Return everything that is not as promised, empty when all is well."""
        doubled = [
            f"round {tale.round.number} ({tale.round.blow}): {len(tale.batches)} batches under one key"
            for tale in self.tales
            if list(tale.batches) != [tale.batch_id]
        ]
        shared = sum(len(batches) > 1 for batches in self.batches_by_number().values())
        return [*doubled, f"{shared} numbers were rung by two batches"] if shared else doubled

    def batches_by_number(self) -> dict[str, set[str]]:
        """Return which batches rang each number."""
        ledger = self.world.ledger()
        batch_of = {each["execution_id"]: each["batch_id"] for each in ledger["create_requests"]}
        rung: dict[str, set[str]] = defaultdict(set)
        for ring in ledger["rings"]:
            rung[ring["to"]].add(batch_of[ring["execution_id"]])
        return rung

    def _round(self, planned: Round, undisturbed: float) -> Tale:
        tale = Tale(planned, self._campaign(planned.number))
        body = self._body(tale.campaign_id, planned.number)
        sender = Sender(self.world, body, f"round {planned.number}", planned.patience)
        # The sender is the one in a thread: what is started dies with the thread that started it.
        with ThreadPoolExecutor(1) as thread, watching(self.world, planned.moment, tale.campaign_id) as watch:
            watch.sending = sending = thread.submit(sender.send_until_created, tale)
            if planned.moment is Moment.AT_A_TIME:
                time.sleep(planned.share * undisturbed)
            else:
                watch.wait(planned.moment, ROUND_SECONDS)
            strike(self.world, planned.blow, planned.lasts, watch)
            created = sending.result(timeout=ROUND_SECONDS)
        tale.batch_id = str(created["batch_id"])
        self._require_replay(sender, tale, created)
        self.world.wait_for(lambda: self._rings_of(tale.batch_id) >= RINGS, ROUND_SECONDS, every=0.5)
        tale.batches = self._batches_of(tale.campaign_id)
        return tale

    def _require_replay(self, sender: Sender, tale: Tale, created: JsonObject) -> None:
        if sender.send_until_created(Tale(tale.round, tale.campaign_id)) != created:
            raise NotAsPromised("the repetition after the 201 was answered with another batch")
        if created["total_contacts"] != CONTACTS:
            raise NotAsPromised("not everybody was stored")

    def _calm_create_seconds(self) -> float:
        """Return how long a create takes that nobody disturbs."""
        sender = Sender(self.world, self._body(self._campaign(0), 0), "calm", ROUND_SECONDS)
        began = time.monotonic()
        told, _ = sender.send()
        if told != "201":
            raise NotAsPromised(told)
        return time.monotonic() - began

    def _campaign(self, number: int) -> str:
        rules = {
            "name": f"round {number}",
            "agent_id": "agent_test",
            "phone_numbers": ["+14155550180"],
            "retry_policy": {"max_retries": 0},
        }
        return str(self.world.api.create_campaign(rules)["campaign_id"])

    def _body(self, campaign_id: str, number: int) -> JsonObject:
        numbers = range(2_000_000 + number * CONTACTS, 2_000_000 + (number + 1) * CONTACTS)
        contacts = [{"phone_number": f"+1628{each}"} for each in numbers]
        return {"campaign_id": campaign_id, "concurrency_limit": LIMIT, "contacts": contacts}

    def _batches_of(self, campaign_id: str) -> Sequence[str]:
        return [str(each["batch_id"]) for each in self.world.api.batches(campaign_id=campaign_id)]

    def _rings_of(self, batch_id: str) -> int:
        return sum(batch_id in batches for batches in self.batches_by_number().values())


def _say(tale: Tale) -> None:
    planned = tale.round
    answers = ", ".join(f"{told} ×{len(list(same))}" for told, same in groupby(tale.answers))
    sys.stdout.write(
        f"{planned.number:3} {planned.blow:35} {_moment_of(planned):13} for {planned.lasts:3.1f} s:"
        f" {answers} in {tale.seconds:.1f} s, {len(tale.batches)} batch\n"
    )
    sys.stdout.flush()


def _moment_of(planned: Round) -> str:
    at_a_time = planned.moment is Moment.AT_A_TIME
    return f"at {planned.share:.0%}" if at_a_time else planned.moment.value


def _say_all(storm: Storm, faults: Sequence[str]) -> None:
    first = Counter((str(tale.round.blow), tale.answers[0]) for tale in storm.tales)
    for (blow, answer), count in sorted(first.items()):
        sys.stdout.write(f"{blow:35} first answer {answer}: {count}\n")
    rung = len(storm.batches_by_number())
    sent = sum(len(tale.answers) for tale in storm.tales)
    sys.stdout.write(f"{len(storm.tales)} keys, {sent} requests until 201, {rung} numbers rung\n")
    sys.stdout.write("\n".join(faults) + "\n" if faults else "one batch a key, no number rung by two\n")


def main() -> None:
    """Run the rounds of a seed and print what came of them."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with a_fresh_world() as world:
        storm = Storm(world)
        storm.run(list(islice(drawn_rounds(given.seed), given.rounds)))
        faults = storm.faults()
        _say_all(storm, faults)
    leave(1 if faults else 0)


if __name__ == "__main__":
    main()
