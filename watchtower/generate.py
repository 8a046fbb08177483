"""Files that are made from code: `python -m watchtower.generate` writes them, `--check` tells which would change."""

import argparse
import ast
import io
import json
import sys
import tokenize
from collections.abc import Callable, Iterator, Mapping
from inspect import getsource
from pathlib import Path
from typing import Any, Final

from msgspec import NODEFAULT, inspect

from watchtower.config.build import SHORTHANDS, describe
from watchtower.config.model import Config
from watchtower.control.openapi import openapi
from watchtower.metrics.catalogue import ALL, Label, Metric
from watchtower.units import UNIT, format_duration, format_size

ROOT: Final = Path(__file__).parent.parent
_FORMATS: Final[Mapping[str, Callable[[float], str]]] = {"duration": format_duration, "size": format_size}
_MADE: Final = "<!-- made by `make generate` from {source}: change it there -->\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m watchtower.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 when a file would change")
    args = parser.parse_args()
    stale = {name: text for name, text in generated().items() if _current(name) != text}
    if args.check:
        sys.stderr.write("".join(f"{name}: not as `make generate` would write it\n" for name in stale))
        return 1 if stale else 0
    for name, text in stale.items():
        (ROOT / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"{name}\n")
    return 0


def generated() -> dict[str, str]:
    """Every file that is made, and what is in it."""
    return {
        "docs/configuration-reference.md": configuration_reference(),
        "docs/metrics.md": metrics_list(),
        "docs/openapi.json": json.dumps(openapi(), indent=2) + "\n",
    }


def _current(name: str) -> str | None:
    path = ROOT / name
    return path.read_text(encoding="utf-8") if path.exists() else None


def configuration_reference() -> str:
    """Every key, from the settings' types; its meaning is the comment that stands behind the field."""
    parts = [_MADE.format(source="the settings' types"), "# Configuration reference\n"]
    places: dict[type, list[str]] = {}
    for path, kind in _sections(inspect.type_info(Config), ""):
        places.setdefault(kind.cls, []).append(path)
    for cls, paths in places.items():
        parts.append(f"\n## {', '.join(f'`{path}`' if path else 'At the top' for path in paths)}\n")
        parts.append(f"\n{cls.__doc__}\n")
        parts.append("\n| key | value | default | meaning |\n|---|---|---|---|\n")
        parts += [_row(*cells) for cells in _keys(cls)]
    return "".join(parts)


def meanings(cls: type) -> dict[str, str]:
    """The comments behind a settings class's fields, those of its bases included."""
    found: dict[str, str] = {}
    for each in reversed(cls.__mro__):
        if each.__module__.startswith("watchtower."):
            source = getsource(each)
            comments = {
                token.start[0]: token.string.removeprefix("# ")
                for token in tokenize.generate_tokens(io.StringIO(source).readline)
                if token.type == tokenize.COMMENT and token.line.split("#")[0].strip()
            }
            for node in ast.walk(ast.parse(source)):
                if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                    found[node.target.id] = comments.get(node.end_lineno or 0, "")
    return found


def _sections(kind: inspect.Type, path: str) -> Iterator[tuple[str, inspect.StructType]]:
    """Every section with its path, outer ones first."""
    match kind:
        case inspect.StructType():
            yield path, kind
            for field in kind.fields:
                yield from _sections(field.type, f"{path}.{field.name}" if path else field.name)
        case inspect.VarTupleType():
            yield from _sections(kind.item_type, f"{path}[]")
        case inspect.UnionType():
            for one in kind.types:
                yield from _sections(one, path)


def _keys(cls: type) -> Iterator[tuple[str, str, str, str]]:
    kind = inspect.type_info(cls)
    meaning = meanings(cls)
    if isinstance(kind, inspect.StructType):
        for field in kind.fields:
            yield f"`{field.name}`", _value(field.type), _default(field), meaning[field.name]


def _value(kind: inspect.Type) -> str:
    match kind:
        case inspect.UnionType(types=kinds):
            return " or ".join(_value(one) for one in kinds if not isinstance(one, inspect.NoneType))
        case inspect.StructType(cls=cls):
            shorthand = [describe(field.type) for field in kind.fields if field.name == SHORTHANDS.get(cls)]
            return " or ".join(["a section", *shorthand])
        case _:
            return describe(kind)


def _default(field: inspect.Field) -> str:
    value = field.default
    if field.required:
        return "required"
    if value is None or value is NODEFAULT or value in ((), {}):
        return ""
    written = _written(field.type, value)
    return f"`{written}`" if written else ""


def _written(kind: inspect.Type, value: Any) -> str:
    """A default as it would stand in a file; of a section, what differs from the section's own defaults."""
    kinds = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    units = [one.extra[UNIT] for one in kinds if isinstance(one, inspect.Metadata) and one.extra]
    if hasattr(value, "__struct_fields__"):
        own = {field.name: field for one in kinds if isinstance(one, inspect.StructType) for field in one.fields}
        given = {name: getattr(value, name) for name in own if getattr(value, name) != own[name].default}
        entries = ", ".join(f"{name}: {_written(own[name].type, each)}" for name, each in given.items())
        return f"{{{entries}}}" if entries else ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return _FORMATS[units[0]](value) if units and units[0] in _FORMATS else f"{value:g}"
    return str(value)


def metrics_list() -> str:
    """Every metric of the catalogue, and what its labels may say."""
    parts = [_MADE.format(source="watchtower/metrics/catalogue.py"), "# Metrics\n"]
    parts.append("\n| metric | kind | labels | meaning |\n|---|---|---|---|\n")
    parts += [_row(f"`{one.full_name}`", one.kind, _labels(one), one.help) for one in ALL]
    parts.append("\n## Labels\n\n| label | of | values |\n|---|---|---|\n")
    holders: dict[Label, list[str]] = {}
    for metric in ALL:
        for label in metric.labels:
            holders.setdefault(label, []).append(f"`{metric.full_name}`")
    for label, names in holders.items():
        values = ", ".join(f"`{value}`" for value in label.values) or label.source
        parts.append(_row(f"`{label.name}`", "several" if len(names) > 3 else ", ".join(names), values))
    parts.append("\n## Buckets\n\n| histogram | upper bounds, in seconds |\n|---|---|\n")
    for metric in ALL:
        if metric.buckets:
            parts.append(_row(f"`{metric.full_name}`", ", ".join(f"{bound:g}" for bound in metric.buckets)))
    return "".join(parts)


def _labels(metric: Metric) -> str:
    return ", ".join(f"`{label.name}`" for label in metric.labels)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |\n"


if __name__ == "__main__":
    sys.exit(main())
