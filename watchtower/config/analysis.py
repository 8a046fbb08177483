"""What types cannot say of the analysis: paths that are none, budgets that nothing feeds, baselines that are not there."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Final

from watchtower.compare.settings import CompareSettings
from watchtower.config.check import HEADER_NAME, Finding
from watchtower.config.model import Config, EndpointConfig
from watchtower.drift.settings import BaselineSettings, DriftSettings
from watchtower.journal.redact import compile_paths
from watchtower.payload.settings import ColumnSettings, MappingSettings
from watchtower.units import parse_frequency

HEADER: Final = "header:"  # before the name, where a segment is told by a header
_MAPPED: Final = "mapped"
_SIDES: Final = ("in.", "out.")
_PATHS: Final = "$.name, $.a.b, $.items[*].name, $..name or $['odd name'], or the name of a column"


def check_analysis(config: Config) -> Iterator[Finding]:
    for index, endpoint in enumerate(config.endpoints):
        path = f"endpoints[{index}]"
        yield from _check_mapping(path, endpoint)
        yield from _check_twins(path, endpoint)
        yield from _check_compare(f"{path}.compare", endpoint.compare)
        for section, names in (("compare", endpoint.compare.segments), ("performance", endpoint.performance.segments)):
            yield from _check_segments(f"{path}.{section}.segments", names, config.capture.headers)
        yield from _check_baseline(f"{path}.baseline", endpoint.baseline)
        yield from _check_watched(f"{path}.drift", endpoint.drift)
        try:
            parse_frequency(endpoint.drift.false_alarms)
        except ValueError as error:
            yield Finding(f"{path}.drift.false_alarms", f"expected {error}")


def _check_mapping(path: str, endpoint: EndpointConfig) -> Iterator[Finding]:
    mapping = endpoint.mapping
    if mapping is None:
        if endpoint.protocol == _MAPPED:
            yield Finding(f"{path}.protocol", "expected a mapping beside it, which says where the columns are")
        return
    if endpoint.protocol != _MAPPED:
        yield Finding(f"{path}.mapping", f"expected `protocol: {_MAPPED}` beside it, nothing else asks for a mapping")
    path = f"{path}.mapping"
    for side, columns in (("inputs", mapping.inputs), ("outputs", mapping.outputs)):
        first: dict[str, str] = {}
        for index, column in enumerate(columns):
            at = f"{path}.{side}[{index}]"
            if first.setdefault(column.name, at) != at:
                problem = "expected a name of its own, {other} has this one"
                yield Finding(f"{at}.name", problem, other=first[column.name])
            yield from _check_json_path(f"{at}.path", column.path)
    for side, rows in (("input_rows", mapping.input_rows), ("output_rows", mapping.output_rows)):
        if rows:
            yield from _check_json_path(f"{path}.{side}", rows)


def _check_json_path(path: str, text: str) -> Iterator[Finding]:
    """By the adapter that will use it: what it takes is what is right. Only a mapping pays for loading it."""
    mapped = import_module("watchtower.payload.mapped")
    try:
        mapped.Mapped(MappingSettings(inputs=(ColumnSettings(name="any", path=text),)))
    except ValueError:
        yield Finding(path, "expected a JSONPath (RFC 9535), like $.score, $.items[*].x or $['odd name']")


def _check_twins(path: str, endpoint: EndpointConfig) -> Iterator[Finding]:
    twins = [f"{path}.shadows[{index}]" for index, shadow in enumerate(endpoint.shadows) if shadow.twin]
    for at in twins[1:]:
        problem = "expected one twin at most, {other} measures the primary's noise already"
        yield Finding(f"{at}.twin", problem, other=twins[0])


def _check_compare(path: str, compare: CompareSettings) -> Iterator[Finding]:
    for name, paths in (("ignore", compare.ignore), ("unordered", compare.unordered)):
        for index, text in enumerate(paths):
            try:
                compile_paths([text] if text.startswith("$") else [])
            except ValueError:
                yield Finding(f"{path}.{name}[{index}]", f"expected a path, like {_PATHS}")
    score, budgets = compare.score, compare.budgets
    if score is not None and score.high <= score.low:
        yield Finding(f"{path}.score.high", "expected more than low")
    if score is None and budgets.score is not None:
        yield Finding(f"{path}.budgets.score", "expected a compare.score beside it, whose mean it bounds")
    if all(getattr(budgets, name) is None for name in budgets.__struct_fields__):
        yield Finding(f"{path}.budgets", "expected one of them at least: without a budget there is no verdict")


def _check_segments(path: str, segments: tuple[str, ...], kept: tuple[str, ...]) -> Iterator[Finding]:
    names = {name.lower() for name in kept}
    for index, segment in enumerate(segments):
        header = segment.removeprefix(HEADER)
        if not segment:
            yield Finding(f"{path}[{index}]", "expected a column's name, or header:NAME")
        elif header == segment:
            continue
        elif not HEADER_NAME.fullmatch(header):
            yield Finding(f"{path}[{index}]", "expected a header's name behind `header:`")
        elif header.lower() not in names:
            problem = "expected a header that capture.headers keeps: the analysis knows no other"
            yield Finding(f"{path}[{index}]", problem)


def _check_watched(path: str, drift: DriftSettings) -> Iterator[Finding]:
    """A name without its side is of no column, and what is said of it would never come to pass."""
    named = [(f"{path}.kinds.{name}", name) for name in drift.kinds]
    named += [(f"{path}.ignore[{index}]", name) for index, name in enumerate(drift.ignore)]
    for at, name in named:
        if not name.startswith(_SIDES):
            yield Finding(at, f"expected its side before the name of the column: in.{name} or out.{name}")


def _check_baseline(path: str, baseline: BaselineSettings) -> Iterator[Finding]:
    source = baseline.source
    if not baseline.name:
        yield Finding(f"{path}.name", "expected a name")
    if source is not None and "://" not in source and not Path(source).is_file():
        yield Finding(f"{path}.source", "expected a file that is there, or an URL like s3://bucket/train.parquet")
