"""Where two JSON documents differ: paths that are missing, added, retyped or changed.

Items of a list are told apart by place, and their differences are added up under `[*]`, so that a list of a thousand
items gives one path and a count. A list that `unordered` names is compared as a multiset: items that are equal, up to
what is ignored, are taken off first, and what is left is compared in sorted order.

The walk keeps its own stack, for the depth of a document is its sender's choice.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from watchtower.compare.readings import number
from watchtower.journal.redact import Path, compile_paths
from watchtower.record import Word

MAX_PATHS: Final = 64  # of one pair: a person reads the first few, and the totals are capped behind this
OTHER_PATHS: Final = "…"  # stands for those beyond
_LONGEST: Final = 256  # characters of a path: each member has its own, and long keys that hold many members multiply


class Change(Word):
    MISSING = "missing"  # the primary has it, the shadow has not
    ADDED = "added"
    RETYPED = "retyped"
    CHANGED = "changed"


class PathDifference(NamedTuple):
    path: str
    change: Change
    times: int


# Which paths are under way at a place of the document: each with how many of its steps are behind.
_Places = tuple[tuple[Path, int], ...]
_NONE: Final[_Places] = ()
_CONTAINERS: Final = frozenset({"predictions", "outputs", "instances", "data", "choices"})
_PREDICTION: Final = "prediction"  # the column of rows that are no objects


class Inside(NamedTuple):
    """What the settings' paths say of a value: which are under way in it, and whether it is itself an unordered list."""

    ignore: _Places = _NONE
    unordered: _Places = _NONE
    is_unordered: bool = False


NOWHERE: Final = Inside()


class Structure:
    def __init__(self, ignore: Iterable[str], unordered: Iterable[str], absolute: float, relative: float) -> None:
        self._ignore: _Places = tuple((path, 0) for path in compile_paths(ignore))
        self._unordered: _Places = tuple((path, 0) for path in compile_paths(unordered))
        self._absolute, self._relative = absolute, relative

    def inside(self, column: str, *, is_unordered: bool) -> Inside:
        """Of the cells of a column."""
        return Inside(_within(self._ignore, column), _within(self._unordered, column), is_unordered)

    def differences(self, primary: object, shadow: object, at: Inside | None = None) -> tuple[PathDifference, ...]:
        """Of two documents; with `at`, of two values that stand in them there."""
        found: Counter[tuple[str, Change]] = Counter()
        waiting = [_Node("$", primary, shadow, *(at or Inside(self._ignore, self._unordered)))]
        while waiting:
            node = waiting.pop()
            a, b = node.primary, node.shadow
            if isinstance(a, dict) and isinstance(b, dict):
                waiting += self._members(node, a, b, found)
            elif isinstance(a, list) and isinstance(b, list):
                waiting += self._items(node, a, b, found)
            elif (change := self._leaf(a, b)) is not None:
                _note(found, node.path, change)
        return tuple(PathDifference(path, change, count) for (path, change), count in sorted(found.items()))

    def _leaf(self, a: object, b: object) -> Change | None:
        kind_a, kind_b = _kind(a), _kind(b)
        if kind_a is not kind_b:
            return Change.RETYPED
        if kind_a is float:
            is_same = number(a, b, self._absolute, self._relative).agrees
            return None if is_same else Change.CHANGED
        return None if a == b else Change.CHANGED

    def _members(
        self, node: "_Node", a: dict[Any, Any], b: dict[Any, Any], found: Counter[tuple[str, Change]]
    ) -> Iterator["_Node"]:
        for key in a.keys() | b.keys():
            ignore, is_ignored = _stepped(node.ignore, key)
            if is_ignored:
                continue
            path = _longer(node.path, f".{key[:_LONGEST]}")
            if key not in b:
                _note(found, path, Change.MISSING)
            elif key not in a:
                _note(found, path, Change.ADDED)
            else:
                yield _Node(path, a[key], b[key], ignore, *_stepped(node.unordered, key))

    def _items(
        self, node: "_Node", a: list[Any], b: list[Any], found: Counter[tuple[str, Change]]
    ) -> Iterator["_Node"]:
        path = _longer(node.path, "[*]")
        if node.is_unordered:
            # Behind the sorting a place says nothing, so paths by index end here.
            a, b = _left_over(self._sorted(a, node.ignore), self._sorted(b, node.ignore))
        for index in range(max(len(a), len(b))):
            ignore, is_ignored = _stepped(node.ignore, index)
            if is_ignored:
                continue
            if index >= len(b):
                _note(found, path, Change.MISSING)
            elif index >= len(a):
                _note(found, path, Change.ADDED)
            else:
                yield _Node(path, a[index], b[index], ignore, *_stepped(node.unordered, index))

    def _sorted(self, items: list[Any], ignore: _Places) -> list[tuple[bytes, Any]]:
        """Each with its text without what is ignored, by which it is found again."""
        keyed = [(_text(item, ignore, index), item) for index, item in enumerate(items)]
        return sorted(keyed, key=_first)


class _Node(NamedTuple):
    path: str
    primary: Any
    shadow: Any
    ignore: _Places
    unordered: _Places
    is_unordered: bool


def _kind(value: object) -> type:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float
    return type(value)


def _note(found: Counter[tuple[str, Change]], path: str, change: Change) -> None:
    key = (path, change)
    if key not in found and len(found) >= MAX_PATHS:
        key = (OTHER_PATHS, change)
    found[key] += 1


def _longer(path: str, step: str) -> str:
    return f"{path}{step}" if len(path) + len(step) <= _LONGEST else f"{path}{step}"[:_LONGEST] + "…"


def _stepped(places: _Places, key: str | int) -> tuple[_Places, bool]:
    """The places below a member, and whether one of the paths ends at it."""
    if not places:
        return _NONE, False
    below: list[tuple[Path, int]] = []
    is_end = False
    for path, at in places:
        step = path[at]
        if step.is_deep:
            below.append((path, at))
        if step.key is None or step.key == key:
            if at + 1 == len(path):
                is_end = True
            else:
                below.append((path, at + 1))
    return tuple(below), is_end


def column_of(path: Path) -> tuple[str, bool] | None:
    """The column that a path leads to: its name, and whether that is only the name's end (of `$..name`).

    A nested member is the column `a.b`; that it lay in `predictions` or the like is not in the name.
    """
    keys = [step.key for step in path if step.key is not None]
    names = [key for key in keys if isinstance(key, str)]
    is_deep = path[0].is_deep
    if len(names) < len(keys) or (not is_deep and any(step.is_deep for step in path)):
        return None  # one item of a list, or anything below a member: no column is just that
    if not is_deep and len(path) > 1 and path[0].key in _CONTAINERS:
        path, names = path[1:], names[1:]
    if not is_deep and not names and len(path) == 1:
        names = [_PREDICTION]
    return (".".join(names), is_deep) if names else None


def _within(places: _Places, column: str) -> _Places:
    """What is left of the paths behind the column; one that may begin at any depth may begin in it as well."""
    found = [(path, at) for path, at in places if path[0].is_deep]
    for path, _ in places:
        for at in range(1, len(path)):
            leads_to = column_of(path[:at])
            if leads_to is not None and is_column(column, *leads_to):
                found.append((path, at))
                break
    return tuple(found)


def is_column(column: str, name: str, is_end: bool) -> bool:
    return column == name or (is_end and column.endswith(f".{name}"))


def _first(keyed: tuple[Any, Any]) -> Any:
    return keyed[0]


def _left_over(a: Sequence[tuple[bytes, Any]], b: Sequence[tuple[bytes, Any]]) -> tuple[list[Any], list[Any]]:
    """What each side has beyond the other, in order."""
    surplus = Counter(text for text, _ in a)
    surplus.subtract(text for text, _ in b)
    return _beyond(a, +surplus), _beyond(b, -surplus)


def _beyond(keyed: Sequence[tuple[bytes, Any]], surplus: Counter[bytes]) -> list[Any]:
    kept: list[Any] = []
    for text, item in keyed:
        if surplus[text] > 0:
            surplus[text] -= 1
            kept.append(item)
    return kept


def _text(item: object, ignore: _Places, index: int) -> bytes:
    """The item as sorted text without what is ignored; without recursion, each container before its members."""
    parts: list[tuple[str, str, int]] = []
    waiting: list[tuple[str, object, _Places]] = [("", item, _stepped(ignore, index)[0])]
    while waiting:
        name, value, places = waiting.pop()
        if isinstance(value, dict):
            members: list[tuple[str | int, object]] = sorted(value.items(), key=_first)
        elif isinstance(value, list):
            members = list(enumerate(value))
        else:
            parts.append((name, repr(_plain(value)), 0))
            continue
        stepped = [(key, member, *_stepped(places, key)) for key, member in members]
        kept = [(str(key), member, below) for key, member, below, is_ignored in stepped if not is_ignored]
        parts.append((name, "{" if isinstance(value, dict) else "[", len(kept)))
        waiting += reversed(kept)
    return msgspec.msgpack.encode(parts)


def _plain(value: object) -> object:
    """Whole numbers as floats where none is lost, so that 1 and 1.0 are the same text."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53:
        return float(value)
    return value
