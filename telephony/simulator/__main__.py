"""Runs the simulator: `python -m telephony.simulator`."""

import argparse
import os
import sys

import uvicorn
from pydantic import ValidationError

from telephony.simulator.app import create_simulator
from telephony.simulator.settings import SimulatorOptions

_DEFAULTS = SimulatorOptions()


def main() -> None:
    """Serve until SIGINT or SIGTERM, which end it within a second."""
    parser = _parser()
    given = parser.parse_args()
    try:
        options = _options(given)
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        parser.error(f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}".removeprefix(": "))
    uvicorn.run(
        create_simulator(options),
        host=given.host,
        port=options.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
    )


def _options(given: argparse.Namespace) -> SimulatorOptions:
    named = {name: value for name, value in vars(given).items() if name in SimulatorOptions.model_fields}
    return SimulatorOptions(
        **named,
        applications=dict(given.application),
        api_key=_secret(given.api_key_from),
        agent_token=_secret(given.agent_token_from),
        webhook_secret=_secret(given.webhook_secret_from),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m telephony.simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=_DEFAULTS.port)
    parser.add_argument("--ring-seconds", type=float, default=_DEFAULTS.ring_seconds)
    parser.add_argument("--talk-seconds", type=float, default=_DEFAULTS.talk_seconds)
    parser.add_argument("--no-answer-seconds", type=float, help="default: twice --ring-seconds")
    parser.add_argument("--follow-up-seconds", type=float, default=_DEFAULTS.follow_up_seconds)
    parser.add_argument("--hold-seconds", type=float, default=_DEFAULTS.hold_seconds)
    parser.add_argument(
        "--no-dedupe", dest="dedupe", action="store_false", help="ring again for a repeated execution id"
    )
    _add_applications(parser)
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


def _add_applications(parser: argparse.ArgumentParser) -> None:
    applications = parser.add_argument_group(
        "applications", "what answered calls of Jambonz' contract run, besides the call hook of a request"
    )
    applications.add_argument(
        "--application",
        metavar="SID=URL",
        action="append",
        default=[],
        type=_application,
        help="the call hook of an application, http, https, ws or wss; may be given more than once",
    )
    applications.add_argument(
        "--agent-api-url", metavar="URL", help="Apollo's address, to which agents report dispositions"
    )
    applications.add_argument(
        "--agent-token-from", metavar="VARIABLE", help="variable that holds the token they report with"
    )
    applications.add_argument(
        "--says", default=_DEFAULTS.says, help="what the callee answers to every question of an application"
    )


def _application(text: str) -> tuple[str, str]:
    sid, is_given, url = text.partition("=")
    if not is_given:
        raise argparse.ArgumentTypeError("must be SID=URL")
    return sid, url


def _add_faults(parser: argparse.ArgumentParser) -> None:
    faults = parser.add_argument_group("final webhooks", "shares of ordinary calls, together at most 1")
    faults.add_argument("--lost-share", type=float, default=_DEFAULTS.lost_share, help="never sent")
    faults.add_argument("--doubled-share", type=float, default=_DEFAULTS.doubled_share, help="sent twice")
    faults.add_argument(
        "--late-share", type=float, default=_DEFAULTS.late_share, help="sent --late-seconds after the end"
    )
    faults.add_argument("--late-seconds", type=float, default=_DEFAULTS.late_seconds)
    faults.add_argument("--seed", type=int, default=_DEFAULTS.seed, help="picks the calls, by their numbers")


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
