"""How a campaign's slots are divided among its batches."""

from collections.abc import Mapping


def fair_shares(wants: Mapping[str, int], limit: int | None) -> dict[str, int]:
    """Divide `limit` slots so that nobody gets more than wanted.

    Whoever wants little gets all of it; the others share the rest alike, odd slots going to those who want
    least, and then to the first by name. None as a limit gives everybody what is wanted.
    """
    if limit is None:
        return dict(wants)
    shares = {}
    left = limit
    by_modesty = sorted(wants, key=lambda name: (wants[name], name))
    for place, name in enumerate(by_modesty):
        others = len(by_modesty) - place
        shares[name] = min(wants[name], -(-left // others))
        left -= shares[name]
    return shares
