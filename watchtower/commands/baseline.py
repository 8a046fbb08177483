import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec

from watchtower.analyst.documents import SCHEMA, STATUS, SchemaColumnView, SchemaView, key
from watchtower.analyst.measuring import HEADER
from watchtower.baselines import BaselineError, TableSource, load_table
from watchtower.clock import SECOND
from watchtower.commands import found
from watchtower.commands.layout import moment, printable, share, table
from watchtower.commands.quantities import duration, instant
from watchtower.config.model import Config, EndpointConfig
from watchtower.drift.baseline import Baseline, Batch, build
from watchtower.drift.settings import BaselineSettings, DriftSettings
from watchtower.drift.values import Column, Encoded
from watchtower.errors import ConfigError
from watchtower.store.baselines import StoredBaseline
from watchtower.store.database import Access
from watchtower.store.query import Query
from watchtower.store.schemas import INPUT
from watchtower.store.settings import StoreSettings
from watchtower.store.state import State
from watchtower.store.statement import QueryError
from watchtower.store.views import quoted
from watchtower.table import Kind
from watchtower.units import format_duration

MOST_ROWS: Final = 1_000_000
_HEADERS: Final = INPUT + HEADER  # columns that tell a segment, and are not watched
_NOT_JSON: Final = frozenset({"nan", "inf", "-inf"})  # numbers as the store writes them beside texts

EXAMPLES: Final = """\
examples:
  watchtower baseline show
  watchtower baseline build train.parquet --endpoint churn --name spring --outputs prediction
  watchtower baseline build --last 24h --endpoint churn --name tuesday
  watchtower baseline build --last 7d --until 2026-11-16T00:00Z --endpoint churn --name before
  watchtower baseline build train.csv --config watchtower.yaml --endpoint churn --no-set
  watchtower baseline set spring --version 1 --endpoint churn

The analyst takes what is set within seconds, and its detectors begin anew with it.
exit status: 0 ok, 2 wrong usage, nothing there, or columns that are not the traffic's: --anyway takes those, too."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXAMPLES
    parsers = parser.add_subparsers(dest="action", metavar="show|build|set", required=True)
    showing = parsers.add_parser("show", help="the baselines that there are, and which are in force")
    building = parsers.add_parser("build", help="make one from a file, a URL, or the rows of late")
    setting = parsers.add_parser("set", help="put one in force")
    for each in (showing, building, setting):
        each.epilog, each.formatter_class = EXAMPLES, argparse.RawDescriptionHelpFormatter
        found.add_arguments(each, endpoint="of this endpoint; not needed where there is only one")
        found.add_config(each)
    building.add_argument("source", metavar="FILE", nargs="?")
    building.add_argument(
        "--last", metavar="DURATION", type=duration, help="of the store's own rows, in place of a file"
    )
    building.add_argument("--until", metavar="TIME", type=instant, help="where these end (now)")
    building.add_argument("--name", metavar="NAME", help="(the configuration's, or default)")
    building.add_argument("--outputs", metavar="A,B", help="the columns that are the model's answers")
    building.add_argument("--no-set", action="store_true", help="keep it without putting it in force")
    setting.add_argument("name", metavar="NAME")
    setting.add_argument("--version", metavar="N", type=_version, help="(the latest)")
    for each in (building, setting):
        each.add_argument("--anyway", action="store_true", help="though its columns are not the traffic's")


def main(args: argparse.Namespace) -> int:
    is_named = args.data_dir is not None or args.config is not None
    config, args.data_dir = found.configured(args)
    if args.action == "show":
        return _show(args)
    if args.action == "set":
        return _set(args, config)
    if is_named:  # a sidecar that has never been started has no folder yet
        args.data_dir.mkdir(parents=True, exist_ok=True)
    return _build(args, config)


def _version(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 1 << 63:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a whole number from 1 up")
    return int(text)


def _show(args: argparse.Namespace) -> int:
    with found.opened(args.data_dir) as state:
        stored = state.baselines.list(args.endpoint)
        profile = next((state.baselines.active(one.endpoint) for one in stored if one.is_active), None)
    if args.json:
        found.print_json([_as_json(one) for one in stored])
        return 0
    if not stored:
        raise ConfigError([f"{args.data_dir}: no baseline yet; `watchtower drift` says what it waits for"])
    now = time.time()
    rows = [
        (
            one.endpoint,
            one.name,
            str(one.version),
            "in force" if one.is_active else "",
            moment(one.made_at_ns / SECOND, now),
            one.source,
        )
        for one in stored
    ]
    found.print_lines(table(("endpoint", "name", "version", "", "made", "source"), rows, "version", indent=0))
    if profile is not None and (args.endpoint or len({one.endpoint for one in stored}) == 1):
        found.print_lines(["", *_columns(_decoded(profile))])
    return 0


def _build(args: argparse.Namespace, config: Config | None) -> int:
    if (args.source is None) == (args.last is None):
        raise ConfigError(["expected a FILE, or --last DURATION: one of the two"])
    if args.until is not None and args.last is None:
        raise ConfigError(["--until: expected --last DURATION with it"])
    baseline_settings, drift, endpoint = _settings(args, config)
    store = config.store if config else StoreSettings()
    outputs = tuple(args.outputs.split(",")) if args.outputs else baseline_settings.outputs
    now_ns = time.time_ns()
    source = args.source or _past(args)
    try:
        made = build(
            load_table(args.source, outputs) if args.source else _rows_of_late(args, endpoint, now_ns, store),
            name=args.name or baseline_settings.name,
            source=source,
            made_at_ns=now_ns,
            kinds=drift.kinds,
            ignore=drift.ignore,
            sample=baseline_settings.sample,
            max_columns=drift.max_columns,
            max_categories=drift.max_categories,
        )
    except BaselineError as error:
        raise ConfigError([str(error)]) from error
    if not made.rows:
        raise ConfigError([f"{source}: no rows"])
    with found.opened(args.data_dir, Access.WRITE) as state:
        endpoint = endpoint or _only_endpoint(state)
        if config is None:
            _refuse_unknown(state, endpoint)
        # Rows of late are the traffic: a column that they lack went away before.
        if args.source and not args.anyway and not args.no_set:
            _refuse_others(state, endpoint, made, drift.ignore)
        version = state.baselines.add(endpoint, made.name, source, made.to_bytes(), now_ns, activate=not args.no_set)
    if args.json:
        kept = StoredBaseline(endpoint, made.name, version, now_ns, source, not args.no_set)
        found.print_json({**_as_json(kept), "rows": made.rows, "columns": msgspec.to_builtins(dict(made.kinds))})
        return 0
    state_of_it = "kept" if args.no_set else "in force"
    sys.stdout.write(f"{endpoint}: baseline {made.name}, version {version}, of {made.rows:,} rows: {state_of_it}\n")
    found.print_lines(["", *_columns(made)])
    return 0


def _past(args: argparse.Namespace) -> str:
    if args.until is None:
        return f"the rows of the last {format_duration(args.last)}"
    until = datetime.fromtimestamp(args.until, UTC)
    return f"the rows of {format_duration(args.last)} until {until:%Y-%m-%d %H:%M:%S} UTC"


@dataclass(frozen=True, slots=True)
class _AsSent:
    """Rows of the store as the analyst had them: where cells are of several types, the store keeps them all as texts."""

    table: TableSource
    kinds: Mapping[str, Kind]

    def __iter__(self) -> Iterator[Batch]:
        for names, columns in self.table:
            yield names, [_as_sent(column, self.kinds.get(name)) for name, column in zip(names, columns, strict=True)]


def _as_sent(column: Column, kind: Kind | None) -> Column:
    if not isinstance(column, Encoded):
        return column
    cells = [_cell(word, kind) for word in column.words]
    if all(type(cell) is str for cell in cells):
        return column
    return [cells[code] if code >= 0 else None for code in column.codes.tolist()]


def _cell(word: str, kind: Kind | None) -> object:
    """Lists of numbers are vectors, an empty one too. Digits are a number only in a column of numbers."""
    if not word.startswith("[") and kind not in {Kind.NUMBER, Kind.INTEGER}:
        return word
    if word in _NOT_JSON:
        return float(word)
    try:
        cell = msgspec.json.decode(word, type=list[int | float] | int | float | bool)
    except msgspec.DecodeError:
        return word
    return cell


def _rows_of_late(args: argparse.Namespace, endpoint: str | None, now_ns: int, store: StoreSettings) -> _AsSent:
    """The primary's rows as the store has them; of more than a million, every so manyth by its id.

    Without headers, which are kept and not watched, and without columns that only earlier rows of the same files have.
    """
    with found.opened(args.data_dir) as state:
        endpoint = endpoint or _only_endpoint(state)
        kinds = {one.name: Kind(one.kind) for one in _seen(state, endpoint)}
    view = quoted(f"rows_{endpoint}")
    until_ns = now_ns if args.until is None else round(args.until * SECOND)
    since = max(until_ns - round(args.last * SECOND), 0) // 1000
    ours = f"FROM {view} WHERE role = 'primary' AND started >= make_timestamptz({since:d})"
    if args.until is not None:
        ours += f" AND started < make_timestamptz({until_ns // 1000:d})"
    try:
        with Query(args.data_dir, store, since_ns=since * 1000) as query:
            number = query.run(f"SELECT count(*) AS rows {ours}").table()["rows"][0].as_py()
            # To sort whole rows by their hash would take them all into memory.
            every = -(-number // MOST_ROWS) or 1
            chosen = f"{ours} AND hash(request_id, row) % {every:d} = 0"
            rows = query.run(f"SELECT COLUMNS('^(in|out)[.].*') {chosen}").table()
    except QueryError as error:
        raise ConfigError([f"{_past(args)} cannot be read: {error}"]) from error
    present = [name for name in rows.column_names if rows[name].null_count < rows.num_rows]
    return _AsSent(load_table(rows.select([name for name in present if not name.startswith(_HEADERS)])), kinds)


def _set(args: argparse.Namespace, config: Config | None) -> int:
    _, drift, named = _settings(args, config)
    with found.opened(args.data_dir, Access.WRITE) as state:
        endpoint = named or _only_endpoint(state)
        wanted = state.baselines.get(endpoint, args.name, args.version)
        if wanted is None:
            there = ", ".join(f"{one.name} {one.version}" for one in state.baselines.list(endpoint)) or "none"
            raise ConfigError([f"{endpoint}: no such baseline; there are: {there}"])
        if not args.anyway:
            _refuse_others(state, endpoint, _decoded(wanted), drift.ignore)
        state.baselines.activate(endpoint, wanted.name, wanted.version)
    if args.json:
        found.print_json(_as_json(wanted._replace(is_active=True)))
    else:
        sys.stdout.write(f"{endpoint}: baseline {wanted.name}, version {wanted.version}, is in force\n")
    return 0


def _settings(args: argparse.Namespace, config: Config | None) -> tuple[BaselineSettings, DriftSettings, str | None]:
    if config is None:
        return BaselineSettings(), DriftSettings(), args.endpoint
    endpoint = _configured(config.endpoints, args.endpoint)
    return endpoint.baseline, endpoint.drift, endpoint.name


def _configured(endpoints: Sequence[EndpointConfig], name: str | None) -> EndpointConfig:
    chosen = [one for one in endpoints if name in {None, one.name}]
    if len(chosen) != 1:
        raise ConfigError([f"--endpoint: expected one of {', '.join(one.name for one in endpoints)}"])
    return chosen[0]


def _analysed(state: State) -> set[str]:
    return {name.removeprefix(key(STATUS, "")) for name in state.documents(key(STATUS, ""))}


def _refuse_unknown(state: State, endpoint: str) -> None:
    """Nobody would take its baseline. Before the first start any name may be the configuration's."""
    there = _analysed(state)
    if there and endpoint not in there and not state.baselines.list(endpoint):
        raise ConfigError([f"--endpoint: expected one of {', '.join(sorted(there))}; of a new one --config knows"])


def _only_endpoint(state: State) -> str:
    names = {one.endpoint for one in state.baselines.list()} | _analysed(state)
    if len(names) != 1:
        raise ConfigError([f"--endpoint: expected one of {', '.join(sorted(names)) or 'those of the configuration'}"])
    return names.pop()


def _refuse_others(state: State, endpoint: str, baseline: Baseline, ignore: Sequence[str] = ()) -> None:
    """A baseline of other columns than the traffic's would only raise alarms."""
    watched = [one for one in _seen(state, endpoint) if one.name not in ignore and not one.name.startswith(_HEADERS)]
    live = {one.name: Kind(one.kind) for one in watched}
    if live and (differences := baseline.without(ignore).differences(live)):
        told = [f"{endpoint}: {difference}" for difference in differences]
        raise ConfigError([*told, f"{endpoint}: refused; --anyway takes it"])


def _seen(state: State, endpoint: str) -> Sequence[SchemaColumnView]:
    """The traffic's columns."""
    document = state.document(key(SCHEMA, endpoint))
    return msgspec.json.decode(document, type=SchemaView).columns if document is not None else []


def _decoded(stored: StoredBaseline) -> Baseline:
    try:
        return Baseline.from_bytes(stored.profile)
    except (ValueError, msgspec.DecodeError) as error:
        raise ConfigError([f"{stored.endpoint}: the baseline {stored.name} cannot be read: {error}"]) from error


def _columns(baseline: Baseline) -> list[str]:
    rows = []
    for name, kind in baseline.kinds.items():
        profile = baseline.profiles.columns[name]
        missing = profile.absent / profile.count if profile.count else None
        rows.append((printable(name), kind.value, f"{profile.count:,}", share(missing)))
    return table(("column", "kind", "rows", "missing"), rows, "rows missing")


def _as_json(one: StoredBaseline) -> dict[str, object]:
    return {
        "endpoint": one.endpoint,
        "name": one.name,
        "version": one.version,
        "made": one.made_at_ns / SECOND,
        "source": one.source,
        "in_force": one.is_active,
    }
