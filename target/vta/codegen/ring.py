"""Lines of a memory for one chunk after another."""

_MOST_UNDER_WAY = 8
"""Chunks of results that are on chip at a time. More would gain nothing, and the tokens that give
their lines back would fill their channel."""


class Ring:
    """Lines of a memory that are handed out one after the other, round and round."""

    def __init__(self, lines: int) -> None:
        """Begin at line 0."""
        self._lines, self._next = lines, 0

    def next(self, count: int, largest: int) -> int:
        """Return the line that the next so many would begin at: they never wrap.

        `largest` are the lines that a chunk of this layer takes at most.
        """
        end = min(self._lines, _MOST_UNDER_WAY * largest)
        return self._next if self._next + count <= end else 0

    def take(self, count: int, largest: int) -> int:
        """Hand out lines; return the first."""
        first = self.next(count, largest)
        self._next = first + count
        return first
