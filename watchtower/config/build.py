"""From a document's texts to typed values, by the types that the settings declare.

Nothing stops at the first mistake: where a value is missing or wrong its default, or a blank, stands in, so that what
can be said about the rest is said in the same run.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from msgspec import NODEFAULT, inspect

from watchtower.analyst.settings import AnalystSettings
from watchtower.compare.settings import LatencyMargin
from watchtower.config.document import Listing, Mistake, Node, Scalar, Section, inside
from watchtower.config.model import Config
from watchtower.proxy.settings import ListenSettings
from watchtower.units import UNIT, Secret, parse_duration, parse_ratio, parse_share, parse_size

# What a single text stands for where a section is expected.
SHORTHANDS: Final[Mapping[type, str]] = {
    ListenSettings: "address",
    AnalystSettings: "enabled",
    LatencyMargin: "absolute",
}

_UNITS: Final[Mapping[str, Callable[[str], float]]] = {
    "duration": parse_duration,
    "size": parse_size,
    "share": parse_share,
    "ratio": parse_ratio,
}
_BOOLEANS: Final = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_WHOLE: Final = re.compile(r"[+-]?\d{1,15}", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?\d{1,15}(?:\.\d{1,15})?(?:[eE][+-]?\d{1,2})?", re.ASCII)
_NO_TEXT: Final = re.compile("[\0\ud800-\udfff]")  # what the environment had in another encoding comes as surrogates
_CREDENTIALS: Final = re.compile(r"//.*@")
_FEW: Final = 10  # keys that still read well in one line
_WRONG: Final = object()


def build(root: Section) -> tuple[Config, list[Mistake]]:
    """The configuration, to be used only where there is no mistake, and the mistakes."""
    builder = _Builder()
    config: Config = builder.value(inspect.type_info(Config), root)
    return config, builder.mistakes


def parse(kind: inspect.Type, text: str) -> Any:
    """The value that a text has as this type; a ValueError says what would be one."""
    match kind:
        case inspect.Metadata(type=number, extra=dict(extra)):
            return _bounded(number, _UNITS[extra[UNIT]](text))
        case inspect.CustomType() | inspect.StrType():
            if _NO_TEXT.search(text):
                raise ValueError("a text in UTF-8, without NUL")
            return text if isinstance(kind, inspect.StrType) else Secret(text)
        case inspect.LiteralType(values=words) if text in words:
            return text
        case inspect.EnumType(cls=cls) if text in {word.value for word in cls}:
            return cls(text)
        case inspect.BoolType() if text.lower() in _BOOLEANS:
            return _BOOLEANS[text.lower()]
        case inspect.IntType() if _WHOLE.fullmatch(text):
            return _bounded(kind, int(text))
        case inspect.FloatType() if _NUMBER.fullmatch(text):
            return _bounded(kind, float(text))
    raise ValueError(describe(kind))


def describe(kind: inspect.Type) -> str:
    """What a value of this type looks like, for a person who wrote another."""
    match kind:
        case inspect.Metadata(extra=dict(extra)):
            return f"a {extra[UNIT]}"
        case inspect.LiteralType(values=words):
            return _either(str(word) for word in words)
        case inspect.EnumType(cls=cls):
            return _either(str(word) for word in cls)
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return "a whole number"
        case inspect.FloatType():
            return "a number"
        case inspect.VarTupleType():
            return "a list of sections" if isinstance(kind.item_type, inspect.StructType) else "a list, like [a, b]"
        case inspect.DictType(value_type=inspect.StrType()):
            return "names and texts, like {x-team: fraud}"
        case inspect.DictType(value_type=value):
            return f"names, each with {describe(value)}"
        case inspect.StructType(fields=fields):
            return f"a section with {_either(field.name for field in fields)}"
        case inspect.UnionType(types=kinds):
            return _either(describe(one) for one in kinds if not isinstance(one, inspect.NoneType))
    return "a text"


def shown(node: Node, kind: inspect.Type | None = None) -> str:
    """What a message may repeat of a value: as it was written, but neither a secret nor credentials in a URL."""
    if isinstance(node, Scalar):
        if node.is_nothing:
            return "nothing"
        kinds = [one for one in _kinds(kind) if not isinstance(one, inspect.NoneType)]
        if kinds and all(isinstance(one, inspect.CustomType | inspect.DictType | inspect.StructType) for one in kinds):
            return "a text"  # what stands where a section belongs may be one of the section's secrets
        return repr(_CREDENTIALS.sub("//<secret>@", node.shown))
    return "a list" if isinstance(node, Listing) else "a section"


class _Builder:
    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []

    def value(self, kind: inspect.Type, node: Node) -> Any:
        """The node as a value of the type, or `_WRONG`, when why has been noted."""
        is_nothing = isinstance(node, Scalar) and node.is_nothing
        kinds = _kinds(kind)
        if is_nothing and any(isinstance(one, inspect.NoneType) for one in kinds):
            return None
        for one in kinds:
            match one, node:
                case inspect.StructType(), Section():
                    return self._struct(one, node)
                case inspect.StructType(), Scalar() if is_nothing:
                    return self._struct(one, Section(node.place, node.path, {}))
                case inspect.StructType(), Scalar() if one.cls in SHORTHANDS:
                    return self._struct(one, Section(node.place, node.path, {SHORTHANDS[one.cls]: node}))
                case inspect.VarTupleType(), Listing():
                    return tuple(self._filled(one.item_type, item) for item in node.items)
                case inspect.VarTupleType(), Scalar() if is_nothing:
                    return ()
                case inspect.DictType(), Section():
                    return {key: self._filled(one.value_type, entry) for key, entry in node.entries.items()}
                case inspect.DictType(), Scalar() if is_nothing:
                    return {}
        return self._scalar(kind, node)

    def _struct(self, kind: inspect.StructType, section: Section) -> Any:
        values: dict[str, Any] = {}
        for field in kind.fields:
            node = section.entries.get(field.name)
            if node is not None:
                values[field.name] = self.value(field.type, node)
            elif field.required:
                self._note(section, inside(section.path, field.name), f"missing, expected {describe(field.type)}")
                values[field.name] = _WRONG
            if values.get(field.name) is _WRONG:
                values[field.name] = _blank(field.type) if field.default is NODEFAULT else field.default
        known = [field.name for field in kind.fields]
        for key in section.entries.keys() - set(known):
            entry = section.entries[key]
            self._note(entry, entry.path, _unknown(key, known))
        return kind.cls(**values)

    def _scalar(self, kind: inspect.Type, node: Node) -> Any:
        expected = []
        if isinstance(node, Scalar) and not node.is_nothing:
            for one in _kinds(kind):
                if isinstance(one, inspect.NoneType):
                    continue
                try:
                    return parse(one, node.text)
                except ValueError as error:
                    expected.append(str(error))
        self._note(node, node.path, f"got {shown(node, kind)}, expected {_either(expected) or describe(kind)}")
        return _WRONG

    def _filled(self, kind: inspect.Type, node: Node) -> Any:
        value = self.value(kind, node)
        return _blank(kind) if value is _WRONG else value

    def _note(self, node: Node, path: str, problem: str) -> None:
        self.mistakes.append(Mistake(node.place, path, problem))


def _kinds(kind: inspect.Type | None) -> tuple[inspect.Type, ...]:
    if kind is None:
        return ()
    return kind.types if isinstance(kind, inspect.UnionType) else (kind,)


def _blank(kind: inspect.Type) -> Any:
    if isinstance(kind, inspect.StructType):
        return kind.cls(**{field.name: _blank(field.type) for field in kind.fields if field.required})
    return {} if isinstance(kind, inspect.DictType) else () if isinstance(kind, inspect.VarTupleType) else ""


def _bounded(kind: inspect.Type, value: float) -> float:
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        if kind.gt is not None and value <= kind.gt:
            raise ValueError(f"more than {'zero' if kind.gt == 0 else kind.gt}")
        if kind.ge is not None and value < kind.ge:
            raise ValueError(f"{'zero' if kind.ge == 0 else kind.ge} or more")
        if kind.lt is not None and value >= kind.lt:
            raise ValueError(f"less than {kind.lt}")
        if kind.le is not None and value > kind.le:
            raise ValueError(f"at most {kind.le}")
    return value


def _unknown(key: str, known: list[str]) -> str:
    nearest = difflib.get_close_matches(key, known, n=1)
    question = f", did you mean {nearest[0]}?" if nearest else "."
    listed = f" Known here: {', '.join(known)}." if len(known) <= _FEW or not nearest else ""
    return f"unknown key{question}{listed}"


def _either(words: Iterable[str]) -> str:
    *most, last = list(words) or [""]
    pause = "," if any(" or " in word for word in (*most, last)) else ""
    return f"{', '.join(most)}{pause} or {last}" if most else last
