"""Runs the simulator: `python -m telephony.simulator`."""

import argparse
import os
import sys

import uvicorn

from telephony.simulator.app import create_simulator
from telephony.simulator.configuration import SimulatorSettings

_DEFAULTS = SimulatorSettings()


def main() -> None:
    """Serve until SIGINT or SIGTERM, which end it within a second."""
    parser = _parser()
    given = parser.parse_args()
    if given.lost_share + given.doubled_share + given.late_share > 1:
        parser.error("the shares of lost, doubled and late webhooks are more than 1 together")
    settings = SimulatorSettings(
        ring_seconds=given.ring_seconds,
        talk_seconds=given.talk_seconds,
        no_answer_seconds=given.no_answer_seconds,
        follow_up_seconds=given.follow_up_seconds,
        hold_seconds=given.hold_seconds,
        dedupe=not given.no_dedupe,
        lost_share=given.lost_share,
        doubled_share=given.doubled_share,
        late_share=given.late_share,
        late_seconds=given.late_seconds,
        seed=given.seed,
        api_key=_secret(given.api_key_from),
        webhook_secret=_secret(given.webhook_secret_from),
    )
    uvicorn.run(
        create_simulator(settings),
        host=given.host,
        port=given.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m telephony.simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--ring-seconds", type=_length, default=_DEFAULTS.ring_seconds)
    parser.add_argument("--talk-seconds", type=_length, default=_DEFAULTS.talk_seconds)
    parser.add_argument("--no-answer-seconds", type=_length, help="default: twice --ring-seconds")
    parser.add_argument("--follow-up-seconds", type=_length, default=_DEFAULTS.follow_up_seconds)
    parser.add_argument("--hold-seconds", type=_length, default=_DEFAULTS.hold_seconds)
    parser.add_argument("--no-dedupe", action="store_true", help="ring again for a repeated execution id")
    _add_faults(parser)
    parser.add_argument(
        "--api-key-from", metavar="VARIABLE", help="variable that holds the Bearer key to ask for"
    )
    parser.add_argument(
        "--webhook-secret-from",
        metavar="VARIABLE",
        help="variable that holds the secret to sign webhooks with; of several, by commas, the first",
    )
    return parser


def _add_faults(parser: argparse.ArgumentParser) -> None:
    faults = parser.add_argument_group("final webhooks", "shares of ordinary calls, together at most 1")
    faults.add_argument("--lost-share", type=_share, default=_DEFAULTS.lost_share, help="never sent")
    faults.add_argument("--doubled-share", type=_share, default=_DEFAULTS.doubled_share, help="sent twice")
    faults.add_argument(
        "--late-share", type=_share, default=_DEFAULTS.late_share, help="sent --late-seconds after the end"
    )
    faults.add_argument("--late-seconds", type=_length, default=_DEFAULTS.late_seconds)
    faults.add_argument("--seed", type=int, default=_DEFAULTS.seed, help="picks the calls, by their numbers")


def _length(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= 86400:
        raise ValueError
    return seconds


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise ValueError
    return share


def _secret(variable: str | None) -> str | None:
    """Secrets come by the environment, for arguments can be read by every user of the machine."""
    if variable is None:
        return None
    secret = os.environ.get(variable, "").split(",")[0].strip()
    if not secret:
        sys.exit(f"{variable}: is empty")
    return secret


if __name__ == "__main__":
    main()
