"""Customers for the demo's models: `python -m watchtower.demo_traffic --to http://127.0.0.1:8080`.

With `--drift` they pay more than those before them, which the analysis ought to notice.
"""

import argparse
import asyncio
import random
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

import aiohttp

AT_ONCE: Final = 16
CHARGE: Final = (70.0, 15.0)  # mean and deviation
DRIFTED_CHARGE: Final = (85.0, 15.0)


def customers(number: int, *, is_drifted: bool, seed: int) -> Iterator[dict[str, Any]]:
    chance = random.Random(seed)  # noqa: S311  nobody's secret
    charge = DRIFTED_CHARGE if is_drifted else CHARGE
    for _ in range(number):
        yield {
            "months": chance.randrange(1, 72),
            "monthly_charge": round(max(5.0, chance.gauss(*charge)), 2),
            "complaints": min(9, int(chance.expovariate(1.0))),
        }


async def send(url: str, rows: Iterator[dict[str, Any]]) -> int:
    """One request each, a few at once; gives how many were answered."""
    answered = 0

    async def work(session: aiohttp.ClientSession) -> None:
        nonlocal answered
        for row in rows:
            async with session.post(f"{url}/v1/models/churn:predict", json={"instances": [row]}) as response:
                await response.read()
                answered += response.status == 200

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(work(session) for _ in range(AT_ONCE)))
    return answered


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m watchtower.demo_traffic", description="Requests for the demo.")
    parser.add_argument("--to", metavar="URL", required=True)
    parser.add_argument("--requests", metavar="N", type=int, default=4000)
    parser.add_argument("--drift", action="store_true", help="customers who pay more than the others")
    args = parser.parse_args()
    rows = customers(args.requests, is_drifted=args.drift, seed=2 if args.drift else 1)
    with suppress(KeyboardInterrupt):
        try:
            answered = asyncio.run(send(args.to, rows))
        except aiohttp.ClientError as error:
            raise SystemExit(f"{args.to}: {error}") from error
        sys.stdout.write(f"{answered:,} of {args.requests:,} requests were answered\n")


if __name__ == "__main__":
    main()
