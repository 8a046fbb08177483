"""curl, with what curl does of its own accord."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import servers

from background import background
from sidecar import DEADLINE_S, Sidecar, endpoint, running_sidecar

pytestmark = [pytest.mark.slow, pytest.mark.needs_debian]


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    with ExitStack() as stack:
        url = stack.enter_context(servers.aiohttp_server(stack.enter_context(background())))
        yield stack.enter_context(running_sidecar(tmp_path_factory.mktemp("curl"), {"endpoints": [endpoint(url)]}))


def curl(*arguments: str, typed: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    """With what it says about the conversation on standard error."""
    command = [servers.program("curl"), "--silent", "--show-error", "--verbose", *arguments]
    return subprocess.run(command, input=typed, capture_output=True, timeout=DEADLINE_S, check=True)


def test_a_large_body_is_sent_after_100_continue(sidecar: Sidecar, tmp_path: Path) -> None:
    body = tmp_path / "body"
    body.write_bytes(bytes(range(256)) * 8192)

    done = curl("--data-binary", f"@{body}", "--header", "Expect: 100-continue", f"{sidecar.url}/echo")

    assert b"< HTTP/1.1 100 Continue" in done.stderr
    assert done.stdout == body.read_bytes()


def test_a_body_of_unknown_length_is_sent_in_chunks(sidecar: Sidecar) -> None:
    done = curl("--request", "POST", "--upload-file", "-", f"{sidecar.url}/echo", typed=b"typed" * 1000)

    assert b"> Transfer-Encoding: chunked" in done.stderr
    assert done.stdout == b"typed" * 1000


def test_http10_is_answered_and_the_connection_closed(sidecar: Sidecar) -> None:
    done = curl("--http1.0", f"{sidecar.url}/stream", f"{sidecar.url}/stream")

    assert done.stdout.count(b"of a stream") == 10
    assert b"Transfer-Encoding" not in done.stderr


def test_a_connection_is_used_again(sidecar: Sidecar) -> None:
    done = curl(f"{sidecar.url}/hello", f"{sidecar.url}/hello")

    assert done.stderr.count(b"Re-using existing connection") == 1


def test_a_compressed_answer_is_unpacked_by_curl_alone(sidecar: Sidecar) -> None:
    assert curl("--compressed", f"{sidecar.url}/zipped").stdout == b"squeezed" * 100


def test_http2_is_not_taken_up(sidecar: Sidecar) -> None:
    done = curl("--http2", f"{sidecar.url}/hello")

    assert b"< HTTP/1.1 200" in done.stderr
