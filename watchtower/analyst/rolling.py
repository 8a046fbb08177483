"""What was summed lately: the current span and the one before it, so that what is long past is forgotten.

What is shown is of one to two spans. A window that slides would keep every part of it; this keeps two.
"""

from collections.abc import Callable
from typing import Any, Generic, Protocol, Self, TypeVar

import msgspec


class Sum(Protocol):
    def merge(self, other: Self) -> None: ...

    def state(self) -> bytes: ...

    def restore(self, data: bytes) -> None: ...


T = TypeVar("T", bound=Sum)
R = TypeVar("R")


class Rolling(Generic[T]):
    def __init__(self, made: Callable[[], T], span_ns: int) -> None:
        self._made = made
        self._span_ns = span_ns
        self._older: T | None = None
        self._newer = made()
        self._older_began_ns: int | None = None
        self._began_ns: int | None = None
        self._whole: T | None = None
        self._told: Any = None

    def at(self, now_ns: int) -> T:
        """What is to be added to."""
        if self._began_ns is None:
            self._began_ns = now_ns
        if now_ns - self._began_ns >= self._span_ns:
            is_lately = now_ns - self._began_ns < 2 * self._span_ns
            self._older, self._older_began_ns = (self._newer, self._began_ns) if is_lately else (None, None)
            self._newer, self._began_ns = self._made(), now_ns
        self._whole = self._told = None
        return self._newer

    def set_back(self, now_ns: int) -> None:
        """A clock that was ahead, and is no more, must not keep what it began for as long as it was ahead."""
        if self._began_ns is not None:
            self._began_ns = min(self._began_ns, now_ns)
        if self._older_began_ns is not None:
            self._older_began_ns = min(self._older_began_ns, now_ns)

    def forget(self, now_ns: int) -> bool:
        """Where nothing is added any more, time goes on all the same: whether nothing of it is lately."""
        if self._began_ns is None or now_ns - self._began_ns < self._span_ns:
            return False
        if self._older is not None:
            self._older = self._older_began_ns = self._whole = self._told = None
        return now_ns - self._began_ns >= 2 * self._span_ns

    def told(self, make: Callable[[T], R]) -> R:
        """What is made of the whole, once for as long as nothing is added."""
        if self._told is None:
            self._told = make(self.whole)
        found: R = self._told
        return found

    @property
    def whole(self) -> T:
        """Both spans together; to be read only."""
        if self._older is None:
            return self._newer
        if self._whole is None:
            self._whole = self._made()
            self._whole.merge(self._older)
            self._whole.merge(self._newer)
        return self._whole

    @property
    def since_ns(self) -> int | None:
        return self._began_ns if self._older_began_ns is None else self._older_began_ns

    def state(self) -> bytes:
        older = None if self._older is None else self._older.state()
        return msgspec.msgpack.encode((self._older_began_ns, older, self._began_ns, self._newer.state()))

    def restore(self, state: bytes) -> None:
        self._older_began_ns, older, self._began_ns, newer = msgspec.msgpack.decode(state)
        self._newer, self._older, self._whole, self._told = self._made(), None, None, None
        self._newer.restore(newer)
        if older is not None:
            self._older = self._made()
            self._older.restore(older)
