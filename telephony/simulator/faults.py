"""Which ordinary calls have a final webhook that is lost, doubled or late."""

from random import Random

from telephony.simulator.scenario import WebhookManner
from telephony.simulator.settings import SimulatorOptions


def fault_of(to_number: str, settings: SimulatorOptions) -> WebhookManner:
    """Return the same for the same number and seed, in whichever order the calls come."""
    draw = Random(f"{settings.seed}:{to_number}").random()  # noqa: S311 - keeps no secret
    shares = (
        (WebhookManner.FINAL_LOST, settings.lost_share),
        (WebhookManner.FINAL_DOUBLED, settings.doubled_share),
        (WebhookManner.FINAL_LATE, settings.late_share),
    )
    for fault, share in shares:
        if draw < share:
            return fault
        draw -= share
    return WebhookManner.ORDINARY
