import argparse
import json
import sys

from watchtower.control.openapi import openapi

EXAMPLE = """\
example:
  watchtower openapi > openapi.json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXAMPLE


def main(_: argparse.Namespace) -> int:
    sys.stdout.write(json.dumps(openapi(), indent=2) + "\n")
    return 0
