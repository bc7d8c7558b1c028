"""A batch as its followers see it, and the events that lead from one such picture to the next."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

State = Mapping[str, object]
"""Members of the event `batch`, as JSON has them."""

END = b"event: end\ndata: {}\n\n"
"""Nothing more will change."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A picture, with its events written once for all followers."""

    state: State
    is_last: bool
    id: str = field(init=False)
    whole: bytes = field(init=False)
    """The event for who has seen nothing yet."""
    _changes: dict[str, bytes] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        """Write what every follower may need."""
        text = _compact(self.state)
        object.__setattr__(self, "id", blake2b(text, digest_size=8).hexdigest())
        object.__setattr__(self, "whole", self._event(b"batch", text))

    def since(self, former: "Snapshot") -> bytes:
        """Return the event that leads here: the members that differ."""
        if former.id not in self._changes:
            if len(self._changes) > _MOST_CHANGES:
                return self.whole  # for followers who are far behind, and each elsewhere
            changed = {name: value for name, value in self.state.items() if former.state.get(name) != value}
            self._changes[former.id] = self._event(b"change", _compact(changed))
        return self._changes[former.id]

    def _event(self, kind: bytes, text: bytes) -> bytes:
        return b"event: %b\nid: %b\ndata: %b\n\n" % (kind, self.id.encode(), text)


_MOST_CHANGES = 20


def _compact(state: State) -> bytes:
    return json.dumps(state, separators=(",", ":"), ensure_ascii=False).encode()
