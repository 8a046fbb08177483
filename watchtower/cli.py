"""The command line. Each command is a module, imported when it is asked for, so that none pays for another's imports."""

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Final, NamedTuple, Protocol, cast

from watchtower import __version__
from watchtower.errors import ConfigError, WatchtowerError

FAILED: Final = 1
WRONG: Final = 2  # usage or configuration
INTERRUPTED: Final = 130  # 128 + SIGINT, as shells have it


class Command(NamedTuple):
    name: str
    module: str
    summary: str


COMMANDS: Final = (
    Command("run", "watchtower.commands.run", "run the sidecar beside a model endpoint"),
    Command("demo", "watchtower.commands.demo", "run it beside two small models, and say what to try"),
    Command("check-config", "watchtower.commands.check_config", "list every mistake in a configuration"),
    Command("journal", "watchtower.commands.journal", "look at what was recorded: stat, tail"),
    Command("compare", "watchtower.commands.compare", "the verdict on each shadow, with its evidence"),
    Command("drift", "watchtower.commands.drift", "what differs from the baseline, and which alarms stand"),
    Command("baseline", "watchtower.commands.baseline", "what traffic is held against: show, build, set"),
    Command("labels", "watchtower.commands.labels", "hand over what was true, and see what it says: add, show"),
    Command("report", "watchtower.commands.report", "an Evidently page of a window against the baseline"),
    Command("analyze", "watchtower.commands.analyze", "analyse what was recorded, without a sidecar"),
    Command("query", "watchtower.commands.query", "ask the store by SQL"),
    Command("openapi", "watchtower.commands.openapi", "print the admin API's OpenAPI document"),
)


class CommandModule(Protocol):
    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def main(self, args: argparse.Namespace) -> int: ...


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status: 0 ok, 1 the check or the work failed, 2 wrong usage or configuration."""
    status = FAILED  # of a command that is cut off before it has come to one
    try:
        status = _run(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read our output has seen enough
        _leave_output()
    except OSError as error:
        if error.errno != errno.ENOSPC or error.filename is not None:
            raise
        _leave_output()
        print(f"what is to be printed cannot be written: {error.strerror}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except WatchtowerError as error:
        print(error, file=sys.stderr)
        return WRONG if isinstance(error, ConfigError) else FAILED
    return status


def _leave_output() -> None:
    """What is still buffered must not fail again when Python exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(argv: Sequence[str]) -> int:
    parser = _parser()
    if not argv:
        parser.print_help(sys.stderr)
        return WRONG
    chosen = parser.parse_args(argv)
    command = next(command for command in COMMANDS if command.name == chosen.command)
    module = cast("CommandModule", import_module(command.module))
    parser = argparse.ArgumentParser(
        prog=f"watchtower {command.name}",
        description=f"{command.summary[0].upper()}{command.summary[1:]}.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.add_arguments(parser)
    return module.main(parser.parse_args(chosen.arguments))


def _build() -> str:
    """Whether the hot path was compiled when this was installed: it decides how many requests a core can carry."""
    spec = find_spec("watchtower.http1.heads")
    return "compiled" if spec is not None and (spec.origin or "").endswith(".so") else "not compiled"


def _parser() -> argparse.ArgumentParser:
    listed = "\n".join(f"  {command.name:<14}{command.summary}" for command in COMMANDS)
    parser = argparse.ArgumentParser(
        prog="watchtower",
        description="A sidecar beside any model endpoint: it forwards, mirrors to shadow models, and keeps both answers.",
        epilog=f"commands:\n{listed}\n\nexample:\n  watchtower run --upstream http://127.0.0.1:8000",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"watchtower {__version__} ({_build()})")
    parser.add_argument("command", metavar="COMMAND", choices=[command.name for command in COMMANDS])
    parser.add_argument("arguments", metavar="...", nargs=argparse.REMAINDER, help="see: watchtower COMMAND --help")
    return parser
