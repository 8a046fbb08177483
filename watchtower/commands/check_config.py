import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from watchtower.config.load import load
from watchtower.config.model import Config
from watchtower.errors import ConfigError

EXAMPLE = """\
example:
  watchtower check-config watchtower.yaml

exit status: 0 ok, 2 with every mistake on a line of its own."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXAMPLE
    parser.add_argument("file", metavar="FILE", type=Path)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def main(args: argparse.Namespace) -> int:
    try:
        config = load(args.file, os.environ)
    except ConfigError as error:
        if not args.json:
            raise
        _print_json({"ok": False, "mistakes": error.mistakes})
        return 2
    if args.json:
        _print_json({"ok": True, "summary": list(summary(config))})
    else:
        sys.stdout.write(f"{args.file}: ok\n" + "".join(f"{line}\n" for line in summary(config)))
    return 0


def summary(config: Config) -> Iterator[str]:
    """What would run. URLs are left out: they may have come from the environment."""
    tls = " with TLS" if config.listen.tls else ""
    token = " with a token" if config.admin.token is not None else ""
    yield f"listens at {config.listen.address}{tls}, for admin at {config.admin.listen}{token}"
    for endpoint in config.endpoints:
        yield f"endpoint {endpoint.name} takes {endpoint.match.host} {endpoint.match.path}"
        total = sum(variant.weight for variant in endpoint.variants)
        for variant in endpoint.variants:
            yield f"  variant {variant.name} answers {100 * variant.weight / total:.4g}% of it"
        for shadow in endpoint.shadows:
            yield f"  shadow {shadow.name} gets a copy of {100 * shadow.sample:.4g}%"


def _print_json(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value, indent=2) + "\n")
