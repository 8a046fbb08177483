import argparse
import signal
import sys
import time
from pathlib import Path
from typing import Final

from watchtower.commands import found
from watchtower.commands.layout import printable
from watchtower.commands.quantities import duration
from watchtower.errors import ConfigError
from watchtower.reports.report import ReportError, ReportWritten, write_report
from watchtower.reports.settings import ReportSettings
from watchtower.reports.window import requested
from watchtower.store.settings import StoreSettings

EXAMPLES: Final = """\
examples:
  watchtower report
  watchtower report --endpoint churn --window 6h --output churn.html

Evidently draws it, of a sample of the rows against the baseline's own sample: pip install 'watchtower-sidecar[reports]'.
Its colours are per-column tests of one window; alarms with a promised rate are what `watchtower drift` tells.
exit status: 0 written, 1 it could not be, 2 wrong usage or nothing there."""

_ENDED: Final = 143  # 128 + SIGTERM, as shells have it


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXAMPLES
    found.add_arguments(parser, endpoint="of this endpoint; not needed where there is only one")
    found.add_config(parser)
    parser.add_argument("--window", metavar="DURATION", type=duration, help="the last of its rows (reports.window, 1h)")
    parser.add_argument(
        "--output", metavar="FILE", type=Path, help="(reports/ENDPOINT/TIME-asked.html in the data_dir)"
    )


def main(args: argparse.Namespace) -> int:
    # As an exception, so that the process that draws is ended, and the clients' rows that it was given are removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_ENDED))
    config, data_dir = found.configured(args)
    settings, store = (config.reports, config.store) if config else (ReportSettings(), StoreSettings())
    endpoint = _endpoint(data_dir, args.endpoint)
    seconds = settings.window if args.window is None else args.window
    try:
        request = requested(data_dir, endpoint, seconds, settings.max_rows, store, now=time.time(), output=args.output)
    except ReportError as error:  # there is nothing yet, which is no failure of drawing
        raise ConfigError([str(error)]) from error
    written = write_report(request, settings)
    if args.json:
        found.print_json(_as_json(written))
    else:
        sys.stdout.write(
            f"{written.path}: {written.current_rows:,} rows against {written.reference_rows:,} of the baseline,"
            f" {len(written.columns)} columns\n"
        )
        found.print_lines([f"  left out: {printable(name)}: {why}" for name, why in written.left_out.items()])
    return 0


def _endpoint(data_dir: Path, named: str | None) -> str:
    with found.opened(data_dir) as state:
        active = [one.endpoint for one in state.baselines.list() if one.is_active]
    if named is not None:
        return named
    if not active:
        raise ConfigError([f"{data_dir}: no baseline is in force yet; `watchtower drift` says what it waits for"])
    if len(active) > 1:
        raise ConfigError([f"--endpoint: expected one of {', '.join(active)}"])
    return active[0]


def _as_json(written: ReportWritten) -> dict[str, object]:
    return {
        "path": str(written.path),
        "columns": list(written.columns),
        "left_out": dict(written.left_out),
        "reference_rows": written.reference_rows,
        "current_rows": written.current_rows,
    }
