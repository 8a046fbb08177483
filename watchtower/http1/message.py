"""What a request and an answer have in common: a body that comes in parts, goes on at once, and is partly kept."""

from typing import Final

from watchtower.http1.fields import may_trail

_NOTHING: Final[list[bytes]] = []  # shared by all that keep nothing yet; never added to


class Message:
    """Its head is whole, its body may still arrive; parts wait here until they are taken."""

    __slots__ = ("is_complete", "is_kept_whole", "kept", "parts", "size", "trailers")

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.trailers: list[bytes] = []
        self.is_complete = False
        self.size = 0  # of the parts that were taken
        self.kept = _NOTHING  # of them
        self.is_kept_whole = True

    def add_trailer(self, name: bytes, value: bytes) -> None:
        if may_trail(name.lower()) and not self.is_complete:
            self.trailers.append(name + b": " + value)

    def take(self, most: int, beginning: int) -> list[bytes]:
        """The parts that wait, to be used before the next are taken.

        A body of at most so many bytes is kept whole, of a longer one the beginning.
        """
        parts, self.parts = self.parts, []
        self.size += len(parts[0]) if len(parts) == 1 else sum(map(len, parts))
        if self.is_kept_whole:
            if self.kept:
                self.kept += parts
            else:
                self.kept = parts
            if self.size > most:
                self.is_kept_whole = False
                self.kept = [b"".join(self.kept)[:beginning]]
        return parts

    def put_back(self) -> None:
        """What was taken, and kept whole, can be taken once more."""
        self.parts = self.kept + self.parts
        self.kept = _NOTHING
        self.size = 0
