import argparse
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import msgspec

from watchtower import app
from watchtower.address import Address, is_v6, parse_address
from watchtower.commands.run import add_server_arguments
from watchtower.config.load import from_flags
from watchtower.config.model import Config, EndpointConfig
from watchtower.drift.settings import BaselineSettings, DriftSettings, LiveSettings
from watchtower.errors import StartError
from watchtower.mirror.settings import ShadowSettings
from watchtower.proxy.settings import VariantSettings

EXAMPLE = """\
example:
  watchtower demo --listen 127.0.0.1:8081 --admin 127.0.0.1:9901"""

TO_TRY = """\
Two models say who will leave: v1 at {v1} answers, v2 at {v2} gets a copy.

Ask, by the V1 protocol and by V2:
  curl http://{listen}/v1/models/churn:predict -d '{{"instances": [[12, 70, 3]]}}'
  curl http://{listen}/v2/models/churn/infer -d '{{"inputs": [{{"name": "rows", "datatype": "FP64", "shape": [1, 3], "data": [12, 70, 3]}}]}}'

See what both models answered, what was recorded (--follow waits for more), and what was counted:
  {python} -m watchtower journal tail --data-dir {data_dir} --json --last 2
  {python} -m watchtower journal tail --data-dir {data_dir}
  curl http://{admin}/metrics
  curl http://{admin}/api/v1/status

Send traffic, and see some seconds later whether v2 may take the place of v1:
  {python} -m watchtower.demo_traffic --to http://{listen}
  {python} -m watchtower compare --data-dir {data_dir} --worst 1

Send customers who pay more, and see half a minute later that the traffic has changed:
  {python} -m watchtower.demo_traffic --to http://{listen} --drift
  {python} -m watchtower drift --data-dir {data_dir}

See both distributions on a page by Evidently, which is installed by the first line (a minute, 800 MB):
  {python} -m pip install --quiet 'watchtower-sidecar[reports]'
  {python} -m watchtower report --data-dir {data_dir}

Ask what was kept by SQL:
  {python} -m watchtower query --data-dir {data_dir} "select role, count(*), avg(service_ns) / 1e6 as ms from exchanges group by all"

Let v2, which is called green here, answer half of the requests, and see who did:
  curl -X PUT http://{admin}/api/v1/endpoints/churn/weights -H 'content-type: application/json' -d '{{"weights": {{"blue": 1, "green": 1}}}}'
  curl -si http://{listen}/v1/models/churn | grep -i x-watchtower-variant

Ctrl-C ends all of it.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXAMPLE
    add_server_arguments(parser)


def main(args: argparse.Namespace) -> int:
    with ExitStack() as stack:
        v1, v2 = (stack.enter_context(started_model(version)) for version in ("v1", "v2"))
        given = from_flags(v1, (), args.listen, args.admin, args.data_dir, args.workers)
        config = beside_models(given, v1, v2)
        sys.stdout.write(what_to_try(config, v1, v2))
        sys.stdout.flush()
        return app.run(config, reload=None)


def beside_models(given: Config, v1: str, v2: str) -> Config:
    """v1 answers until weights say otherwise, v2 is its shadow; the ports are free ones, known before anything runs."""
    endpoint = EndpointConfig(
        name="churn",
        variants=(VariantSettings(name="blue", url=v1), VariantSettings(name="green", url=v2, weight=0.0)),
        shadows=(ShadowSettings(name="v2", url=v2),),
        # For somebody who looks on: a baseline of seconds, and windows that are judged while one waits.
        baseline=BaselineSettings(live=LiveSettings(rows=3000)),
        drift=DriftSettings(window=10.0, lateness=5.0),
    )
    listen = free_address(parse_address(given.listen.address), "--listen")
    admin = free_address(parse_address(given.admin.listen), "--admin")
    return msgspec.structs.replace(
        given,
        listen=msgspec.structs.replace(given.listen, address=str(listen)),
        admin=msgspec.structs.replace(given.admin, listen=str(admin)),
        endpoints=(endpoint,),
    )


def what_to_try(config: Config, v1: str, v2: str) -> str:
    return TO_TRY.format(
        v1=v1,
        v2=v2,
        listen=config.listen.address,
        admin=config.admin.listen,
        data_dir=shlex.quote(config.data_dir),
        python=shlex.quote(sys.executable),
    )


@contextmanager
def started_model(version: str) -> Iterator[str]:
    """The URL of a model in a process of its own, which ends when we let go of its standard input, however we end.

    It has a session of its own, too: Ctrl-C is for the sidecar, which still asks the model while it drains.
    """
    command = [sys.executable, "-m", "watchtower.demo", version]
    with subprocess.Popen(  # noqa: S603  our own interpreter
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        port = process.stdout.readline().strip() if process.stdout else ""
        if not port:
            raise StartError(f"the demo model {version} ended before it listened")
        yield f"http://127.0.0.1:{port}"


def free_address(wanted: Address, flag: str) -> Address:
    """The address with the port that the kernel gave for 0. A StartError says what to pass when it is taken."""
    with socket.socket(socket.AF_INET6 if is_v6(wanted.host) else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(wanted)
            probe.listen()
        except OSError as error:
            other = Address(wanted.host, 0)
            raise StartError(f"{wanted}: {error.strerror}; pass {flag} {other} for any free port") from error
        return Address(wanted.host, probe.getsockname()[1])
