"""A configuration before it has types: a tree in which every value still is its text and knows its place.

YAML decides the shape only. What a text means is decided by the type that is expected of it, so that `on`, `08` and
`2026-11-01` are what was written. `${NAME}` and `${NAME:-default}` are replaced in values, once, after the YAML has been
read: what comes from the environment is never taken for YAML, and is never shown; `$${` stands for `${`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import yaml

from watchtower.errors import ConfigError

_STANDARD_TAG: Final = "tag:yaml.org,2002:"
_NOTHING: Final = frozenset(("", "~", "null", "Null", "NULL"))
_VARIABLE: Final = re.compile(r"\$\$(?=\{)|\$\{(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^{}]*))?\})?")

# YAML's flow style gives braces a meaning of their own, so they are lent another shape, of the same width, while it reads.
_BRACED: Final = re.compile(r"\$\{([^{}\n]*)\}")
_LENT: Final = str.maketrans({"\uf8f0": "{", "\uf8f1": "}"})


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a value was given: a line of a file, or a flag."""

    source: str
    line: int = 0
    column: int = 0

    @property
    def is_flag(self) -> bool:
        return self.source.startswith("--")

    def __str__(self) -> str:
        return f"{self.source}:{self.line}" if self.line else self.source


@dataclass(frozen=True, slots=True)
class Mistake:
    place: Place
    path: str
    problem: str
    is_of_form: bool = False  # of the YAML, not of a value: the column matters, too

    def __str__(self) -> str:
        place = f"{self.place}:{self.place.column}" if self.is_of_form and self.place.column else f"{self.place}"
        is_told_by_place = not self.path or self.place.is_flag
        return f"{place}: {self.problem}" if is_told_by_place else f"{place}: {self.path}: {self.problem}"


@dataclass(frozen=True, slots=True)
class Scalar:
    place: Place
    path: str
    text: str
    shown: str  # as it was written, before the environment had its part
    is_plain: bool = False

    @property
    def is_nothing(self) -> bool:
        return self.is_plain and self.text in _NOTHING


@dataclass(frozen=True, slots=True)
class Listing:
    place: Place
    path: str
    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Section:
    place: Place
    path: str
    entries: Mapping[str, "Node"]


Node = Scalar | Listing | Section


def inside(path: str, key: str | int) -> str:
    """The path of what a section or a listing holds."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def read(source: str, text: str, environ: Mapping[str, str]) -> tuple[Section, list[Mistake]]:
    """The document and the mistakes in its parts; a ConfigError, when there is no document to speak of."""
    reader = _Reader(source, environ)
    start = Place(source, 1, 1)
    try:
        found = yaml.compose(_BRACED.sub("$\uf8f0\\1\uf8f1", text), yaml.SafeLoader)
        root = reader.node(found, start, "", ()) if found is not None else Section(start, "", {})
    except yaml.MarkedYAMLError as error:
        raise _no_document(_mark(source, error.problem_mark), f"not YAML: {error.problem}") from error
    except yaml.reader.ReaderError as error:
        column = error.position - text.rfind("\n", 0, error.position)
        place = Place(source, text.count("\n", 0, error.position) + 1, column)
        raise _no_document(place, f"not YAML: U+{ord(text[error.position]):04X} is not allowed") from error
    except RecursionError as error:
        raise _no_document(start, "nested too deeply") from error
    if isinstance(root, Section):
        return root, reader.mistakes
    raise _no_document(start, "expected keys and values, like `listen: 127.0.0.1:8080`")


def merge(under: Section, over: Section) -> Section:
    """The entries of both; where both have one it is over's, unless it is a section in both."""
    entries = dict(under.entries)
    for key, node in over.entries.items():
        below = entries.get(key)
        entries[key] = merge(below, node) if isinstance(below, Section) and isinstance(node, Section) else node
    return Section(under.place, under.path, entries)


def walk(node: Node) -> Iterator[Node]:
    yield node
    if isinstance(node, Section):
        for entry in node.entries.values():
            yield from walk(entry)
    elif isinstance(node, Listing):
        for item in node.items:
            yield from walk(item)


class _Reader:
    def __init__(self, source: str, environ: Mapping[str, str]) -> None:
        self._source = source
        self._environ = environ
        self.mistakes: list[Mistake] = []

    def note(self, place: Place, path: str, problem: str, *, is_of_form: bool = False) -> None:
        self.mistakes.append(Mistake(place, path, problem, is_of_form))

    def node(self, node: yaml.Node, place: Place, path: str, above: tuple[yaml.Node, ...]) -> Node:
        if not node.tag.startswith(_STANDARD_TAG):
            self.note(place, path, f"the tag {node.tag} has no meaning here")
        if any(node is one for one in above):
            self.note(place, path, "an alias to what holds it has no end")
        elif isinstance(node, yaml.SequenceNode):
            return Listing(place, path, tuple(self._items(node, path, (*above, node))))
        elif isinstance(node, yaml.MappingNode):
            return Section(place, path, self._entries(node, path, (*above, node)))
        elif isinstance(node, yaml.ScalarNode):
            shown = node.value.translate(_LENT)
            return Scalar(place, path, self._expanded(shown, place, path), shown, is_plain=node.style is None)
        return Scalar(place, path, "", "")

    def _items(self, node: yaml.SequenceNode, path: str, above: tuple[yaml.Node, ...]) -> Iterator[Node]:
        for index, item in enumerate(node.value):
            yield self.node(item, _mark(self._source, item.start_mark), inside(path, index), above)

    def _entries(self, node: yaml.MappingNode, path: str, above: tuple[yaml.Node, ...]) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        for key, value in node.value:
            place = _mark(self._source, key.start_mark)
            if not isinstance(key, yaml.ScalarNode):
                self.note(place, path, "a key must be a text")
                continue
            name = key.value.translate(_LENT)
            if name in entries:
                problem = f"given twice, first on line {entries[name].place.line}"
                self.note(place, inside(path, name), problem, is_of_form=True)
                continue
            entries[name] = self.node(value, place, inside(path, name), above)
        return entries

    def _expanded(self, text: str, place: Place, path: str) -> str:
        def value(match: re.Match[str]) -> str:
            name, default = match["name"], match["default"]
            if match[0] == "$$":
                return "$"
            if not name:
                self.note(place, path, "expected ${NAME} or ${NAME:-default}; $${ stands for ${ itself")
            elif name not in self._environ and default is None:
                self.note(place, path, f"${{{name}}} is not in the environment; ${{{name}:-default}} would do without")
            return self._environ.get(name or "") or default or ""

        return _VARIABLE.sub(value, text)


def _no_document(place: Place, problem: str) -> ConfigError:
    return ConfigError([str(Mistake(place, "", problem, is_of_form=True))])


def _mark(source: str, mark: yaml.Mark | None) -> Place:
    return Place(source, mark.line + 1, mark.column + 1) if mark else Place(source)
