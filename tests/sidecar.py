"""A real `watchtower run`, as an operator starts it, and what a test asks of it from outside."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Condition, Event, Thread
from types import MappingProxyType
from typing import IO, Any
from urllib.request import Request, urlopen

from prometheus_client.parser import text_string_to_metric_families

from watchtower.control.supervisor import PATIENCE
from watchtower.journal.reader import JournalReader
from watchtower.metrics import catalogue
from watchtower.metrics.collect import Totals
from watchtower.metrics.place import metrics_directory

DEADLINE_S = 20.0
Lines = list[dict[str, Any]]
NOTHING_MORE: Mapping[str, str] = MappingProxyType({})  # in the environment


def until(is_so: Callable[[], object], deadline_s: float = DEADLINE_S) -> bool:
    """Whether it came true in time; other processes have no event to wait for."""
    pause, give_up_at = Event(), time.monotonic() + deadline_s
    while not is_so():
        if time.monotonic() > give_up_at:
            return False
        pause.wait(0.01)
    return True


class Log:
    """What the sidecar writes to standard error, as it comes; a line that is no JSON is kept under `text`."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._lines: Lines = []
        self._changed = Condition()
        self._is_whole = False
        self._thread = Thread(target=self._read, name="log")
        self._thread.start()

    def events(self, event: str) -> Lines:
        with self._changed:
            return [line for line in self._lines if line.get("event") == event]

    def text(self) -> str:
        with self._changed:
            return "\n".join(str(line.get("text", line)) for line in self._lines)

    def wait_for(self, event: str, count: int = 1) -> dict[str, Any]:
        """The latest line of an event, when it has come that often."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_whole or len(self.events(event)) >= count, DEADLINE_S)
            found = self.events(event)
        assert len(found) >= count, f"{event!r} never came {count} times:\n{self.text()}"
        return found[-1]

    def close(self) -> None:
        self._thread.join(DEADLINE_S)
        self._stream.close()

    def _read(self) -> None:
        for line in self._stream:
            parsed = json.loads(line) if line.startswith("{") else {"text": line.rstrip()}
            with self._changed:
                self._lines.append(parsed)
                self._changed.notify_all()
        with self._changed:
            self._is_whole = True
            self._changed.notify_all()


class Sidecar:
    def __init__(self, folder: Path, config: Mapping[str, Any], environ: Mapping[str, str] = NOTHING_MORE) -> None:
        self.data_dir = Path(config.get("data_dir", folder / "data"))
        folder.mkdir(exist_ok=True)
        self.config_file = folder / "watchtower.json"  # JSON is YAML
        self.write_config(config)
        self.started_at = time.monotonic()
        command = [sys.executable, "-m", "watchtower", "run", "--config", str(self.config_file)]
        self.process = subprocess.Popen(
            command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env={**os.environ, **environ}
        )
        assert self.process.stderr is not None
        self.log = Log(self.process.stderr)

    def write_config(self, config: Mapping[str, Any]) -> None:
        # Whoever wants the analyst asks for it: most tests are of what must not depend on it.
        own = {
            "listen": "127.0.0.1:0",
            "admin": {"listen": "127.0.0.1:0"},
            "data_dir": str(self.data_dir),
            "analyst": False,
        }
        self.config_file.write_text(json.dumps({**own, **config}))

    def wait_until_serving(self) -> None:
        serving = self.log.wait_for("serving")
        self.listen, self.admin = str(serving["listen"]), str(serving["admin"])
        self.url = f"http://{self.listen}"
        self.host, _, port = self.listen.rpartition(":")
        self.port = int(port)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ended(self, deadline_s: float = DEADLINE_S) -> int:
        return self.process.wait(deadline_s)

    def end_soon(self) -> None:
        """Drains, and forces as soon as another signal does."""
        give_up_at = time.monotonic() + DEADLINE_S
        while time.monotonic() < give_up_at:
            self.signal(signal.SIGTERM)
            if until(lambda: self.process.poll() is not None, PATIENCE):
                return
        self.ended(0)

    # The admin API.

    def get(self, path: str) -> Any:
        with urlopen(f"http://{self.admin}{path}", timeout=DEADLINE_S) as answer:
            return json.load(answer)

    def put_weights(self, endpoint: str, weights: Mapping[str, float]) -> Any:
        body = json.dumps({"weights": weights}).encode()
        url = f"http://{self.admin}/api/v1/endpoints/{endpoint}/weights"
        with urlopen(Request(url, body, method="PUT"), timeout=DEADLINE_S) as answer:
            return json.load(answer)

    def totals(self) -> Totals:
        with urlopen(f"http://{self.admin}/metrics", timeout=DEADLINE_S) as answer:
            page = answer.read().decode()
        return Totals(text_string_to_metric_families(page))

    def workers(self, state: str = "ready") -> list[int]:
        return [worker["pid"] for worker in self.get("/api/v1/status")["workers"] if worker["state"] == state]

    def reload(self, config: Mapping[str, Any] | None = None) -> Any:
        """With another configuration, or the same; what the status says of it."""
        if config is not None:
            self.write_config(config)
        before = self.get("/api/v1/status")["last_reload"]
        self.signal(signal.SIGHUP)
        assert until(lambda: self.get("/api/v1/status")["last_reload"] != before), self.log.text()
        return self.get("/api/v1/status")["last_reload"]

    # The accounts.

    def differences(self, requests: int, *, may_drop: bool = False) -> list[str]:
        """What does not add up when clients have seen the end of that many requests, after everything came to rest.

        Records that were dropped add up, too: only a test that takes them away says that some may be.
        """
        found: list[str] = []

        def look() -> bool:
            found[:] = _differences(self.totals(), requests, self.readable_records(), may_drop=may_drop)
            return not found

        until(look, 5.0)
        return found

    def readable_records(self) -> int:
        reader = JournalReader(self.data_dir / "journal")
        count = sum(1 for _ in reader.read())
        reader.close()
        return count


@contextmanager
def running_sidecar(
    folder: Path, config: Mapping[str, Any], environ: Mapping[str, str] = NOTHING_MORE
) -> Iterator[Sidecar]:
    """Serving, and gone at the end whatever the test did to it."""
    sidecar = Sidecar(folder, config, environ)
    try:
        sidecar.wait_until_serving()
        yield sidecar
    finally:
        try:
            sidecar.end_soon()
        finally:
            sidecar.process.kill()
            sidecar.process.wait()
            sidecar.log.close()
            # One that was killed leaves its metrics in shared memory, for the next start with the same data_dir.
            shutil.rmtree(metrics_directory(sidecar.data_dir), ignore_errors=True)


def endpoint(upstream: str, **settings: Any) -> dict[str, Any]:
    """The configuration of one endpoint, `model`, with one variant."""
    return {"name": "model", "variants": [{"name": "only", "url": upstream}], **settings}


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


class Memory:
    """A process's resident memory, and how high it went since the test began to look."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak begins anew
        self._before = self._read("VmRSS")

    def growth(self) -> int:
        return self._read("VmRSS") - self._before

    def peak_growth(self) -> int:
        return self._read("VmHWM") - self._before

    def _read(self, name: str) -> int:
        for line in Path(f"/proc/{self._pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
        raise ValueError(name)


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _differences(counted: Totals, requests: int, readable: int, *, may_drop: bool) -> list[str]:
    outcomes = counted.value(catalogue.REQUEST_OUTCOMES)
    offered, written = counted.value(catalogue.JOURNAL_RECORDS), counted.value(catalogue.JOURNAL_WRITTEN)
    dropped = counted.value(catalogue.JOURNAL_DROPPED)
    sums = {
        "requests by code": (counted.value(catalogue.REQUESTS), requests),
        "requests by outcome": (outcomes, requests),
        "records offered, and written or dropped": (offered, written + dropped),
        "records dropped": (dropped, dropped if may_drop else 0),
        "records written, and readable": (written, readable),
        "requests in flight": (counted.value(catalogue.REQUESTS_IN_FLIGHT), 0),
    }
    for shadow, sum_of_outcomes in counted.by(catalogue.SHADOW_OUTCOMES, "shadow").items():
        sums[f"outcomes of {shadow}"] = (sum_of_outcomes, requests)
    return [f"{what}: {one:.0f} is not {other:.0f}" for what, (one, other) in sums.items() if one != other]
