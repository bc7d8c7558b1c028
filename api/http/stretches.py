"""How many rows are read at once, so that those with long transcripts come fewer at a time."""


def next_stretch(stretch: int, size: int, *, aim: int, longest: int) -> int:
    """Return how many rows to read after `stretch` of them came to `size` bytes; aims at `aim` bytes."""
    if size > aim:
        return max(1, stretch * aim // size)
    return min(2 * stretch, longest)
