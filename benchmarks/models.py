"""The model behind every proxy, and the shadow: nginx, which reads the request and answers with as many bytes."""

import re
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.configure import write_nginx
from benchmarks.process import LOAD_CORE, free_port, running

_LARGEST_PARAMETER: Final = 2000
_LARGEST_RETURNED: Final = 16_384


@dataclass(frozen=True, slots=True)
class Model:
    port: int
    hops: int  # requests that nginx counts for each one that came from outside

    def requests(self) -> int:
        """How many it has met since it began; each such question is one of them."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/count", timeout=5) as answer:
            numbers = re.findall(r"\d+", answer.read().decode())
        return int(numbers[3]) // self.hops


@contextmanager
def nginx_model(body: bytes, folder: Path) -> Iterator[Model]:
    folder.mkdir()
    port, is_long = free_port(), len(body) > _LARGEST_RETURNED
    if is_long:
        (folder / "answer.json").write_bytes(body)
        command = write_nginx("nginx_model_long.conf", folder, port=port)
    else:
        command = write_nginx("nginx_model.conf", folder, port=port, answer=_returning(body.decode()))
    with running(command, port=port, core=LOAD_CORE, folder=folder):
        yield Model(port, hops=2 if is_long else 1)


def _returning(text: str) -> str:
    pieces = [text[at : at + _LARGEST_PARAMETER] for at in range(0, len(text), _LARGEST_PARAMETER)]
    parts = [f"$part{number}" for number in range(len(pieces))]
    sets = " ".join(f"set {part} '{piece}';" for part, piece in zip(parts, pieces, strict=True))
    return f'{sets} return 200 "{"".join(parts)}";'
