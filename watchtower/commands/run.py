import argparse
import os
from functools import partial
from pathlib import Path

from watchtower import app
from watchtower.config.flags import Flags
from watchtower.config.load import from_flags, load
from watchtower.errors import ConfigError

EXAMPLES = """\
examples:
  watchtower run --upstream http://127.0.0.1:8000 --shadow v2=http://127.0.0.1:8001
  watchtower run --config watchtower.yaml --workers 2

signals: SIGTERM and SIGINT drain, another a second later forces; SIGHUP reads the configuration again."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXAMPLES
    parser.add_argument("--config", metavar="FILE", type=Path, help="a YAML file; the flags below go over its keys")
    parser.add_argument("--upstream", metavar="URL", help="the model: http://, https:// or unix:/path")
    parser.add_argument(
        "--shadow", metavar="NAME=URL", action="append", default=[], help="a model that gets a copy; may be repeated"
    )
    add_server_arguments(parser)


def add_server_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--listen", metavar="HOST:PORT", help="where clients connect (127.0.0.1:8080)")
    parser.add_argument("--admin", metavar="HOST:PORT", help="admin API and metrics (127.0.0.1:9900)")
    parser.add_argument("--data-dir", metavar="DIR", help="journal and state (.watchtower)")
    parser.add_argument("--workers", metavar="N", help="worker processes (1)")


def main(args: argparse.Namespace) -> int:
    if args.config is not None:
        flags = Flags(args.upstream, args.shadow, args.listen, args.admin, args.data_dir, args.workers)
        reload = partial(load, args.config, os.environ, flags)
        return app.run(reload(), reload)
    if args.upstream is None:
        raise ConfigError(["expected --upstream URL, or --config FILE with endpoints"])
    return app.run(
        from_flags(args.upstream, args.shadow, args.listen, args.admin, args.data_dir, args.workers), reload=None
    )
