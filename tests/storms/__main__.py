"""Storms over a whole stack: `python -m tests.storms --seed 1 --seeds 3 --blows 50 --only kill`."""

import argparse
import shutil
import sys
import time

from tests.storms import small_disk, wrong_clock
from tests.storms.plan import Kind, draw_blows
from tests.storms.reckoning import watch
from tests.storms.stack import a_stormy_world
from tests.storms.storm import Sky, Told, listening


def main() -> int:
    """Let the storms pass; returns 1 where something was not as promised."""
    given = _parser().parse_args()
    kinds = [each for each in (given.only or Kind) if _can_be_had(each)]
    until = time.monotonic() + 60 * given.minutes
    came: list[Told] = []
    with a_stormy_world(given.seed) as world, listening(world) as told:
        watch(world)
        sky = Sky(world, told, _say)
        for seed in range(given.seed, given.seed + given.seeds):
            if time.monotonic() > until:
                break
            _say(f"Storm of seed {seed}")
            blows = draw_blows(seed, given.blows, kinds)
            came.append(sky.storm(seed, blows, until))
            _tell(came[-1])
        faults = sum(len(each.faults) for each in came)
        if faults and given.keep_logs:
            shutil.copytree(world.stack.plan.log_dir, given.keep_logs, dirs_exist_ok=True)
    _say(f"{len(came)} of {given.seeds} seeds, {sum(each.blows for each in came)} blows, {faults} faults")
    return 1 if faults else 0


def _can_be_had(kind: Kind) -> bool:
    missing = {
        Kind.DISK: None if small_disk.can_be_had() else small_disk.HOW_TO_GET_IT,
        Kind.CLOCK: None if wrong_clock.can_be_had() else wrong_clock.HOW_TO_GET_IT,
    }.get(kind)
    if missing:
        _say(f"Left out: {kind}; {missing}")
    return missing is None


def _tell(came: Told) -> None:
    for fault in came.faults:
        _say(f"FAULT seed {came.seed}: {fault}")
    _say(
        f"seed {came.seed}: {came.blows} blows, {came.batches} batches, {came.contacts} contacts,"
        f" {came.calls} calls, {came.rings} rings, {came.calm_seconds:.0f} s of calm until all was over,"
        f" answers {dict(sorted(came.answers.items()))}, memory {dict(came.megabytes)} MB,"
        f" {len(came.faults)} faults"
    )


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)  # noqa: T201 - a command speaks to whoever runs it


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.storms", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the first storm")
    parser.add_argument("--seeds", type=int, default=1, help="how many storms, seed after seed, on one stack")
    parser.add_argument("--blows", type=int, default=50, help="in each storm")
    parser.add_argument("--only", type=Kind, choices=list(Kind), action="append", help="may be repeated")
    parser.add_argument("--minutes", type=float, default=20, help="after which no blow begins any more")
    parser.add_argument(
        "--keep-logs", metavar="FOLDER", help="where the parts' logs go when there are faults"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
