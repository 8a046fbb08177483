"""Servers that we did not write, each at a URL of its own."""

import os
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Final

import pytest
from aiohttp import web
from answers import Handler, handle

from background import Background
from sidecar import DEADLINE_S, until

HERE: Final = Path(__file__).parent
SEARCH_PATH: Final = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"


def program(name: str) -> str:
    """Its path; the test is left out where Debian's package is not installed."""
    found = shutil.which(name, path=SEARCH_PATH)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@contextmanager
def uvicorn(*, keep_alive: int = 5) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        where = ["--app-dir", str(HERE), "--fd", str(listener.fileno())]
        flags = ["--log-level", "warning", "--timeout-keep-alive", str(keep_alive)]
        with _running([sys.executable, "-m", "uvicorn", "answers:asgi", *where, *flags], listener):
            yield _url(listener)


@contextmanager
def gunicorn(*, keep_alive: int = 2) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        where = ["--chdir", str(HERE), "--bind", f"fd://{listener.fileno()}"]
        flags = ["--log-level", "error", "--threads", "8", "--keep-alive", str(keep_alive), "--no-control-socket"]
        with _running([sys.executable, "-m", "gunicorn", "answers:wsgi", *where, *flags], listener):
            yield _url(listener)


@contextmanager
def http_server(handler: type[Handler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@contextmanager
def aiohttp_server(at: Background, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    app = web.Application(client_max_size=0)
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    at.run(runner.setup())
    at.run(web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start())
    yield f"{'http' if tls is None else 'https'}://127.0.0.1:{runner.addresses[0][1]}"
    at.run(runner.cleanup())


@contextmanager
def nginx(folder: Path) -> Iterator[str]:
    """Static answers, at a Unix socket."""
    folder.mkdir()
    at = folder / "nginx.sock"
    (folder / "nginx.conf").write_text(
        ("user root;\n" if os.geteuid() == 0 else "")  # whom pytest's folders are closed to otherwise
        + f"daemon off; pid {folder}/pid; error_log stderr error; events {{}}\n"
        + "http {\n"
        "  access_log off; gzip on; gzip_min_length 1; gzip_types text/plain; default_type text/plain;\n"
        + "".join(f"  {kind}_temp_path {folder};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        + f"\n  server {{ listen unix:{at};\n"
        "    location /hello { return 200 '{\"hello\": true}'; }\n"
        "    location /moved { return 302 /hello; }\n"
        "    location /nothing { return 204; }\n"
        f"    location /file {{ root {folder}; }}\n"
        "  }\n}\n"
    )
    (folder / "file").write_text("squeezed" * 100)
    with _running([program("nginx"), "-e", "stderr", "-c", str(folder / "nginx.conf")]):
        assert until(at.exists)
        yield f"unix:{at}"


@contextmanager
def haproxy(folder: Path, upstream: str) -> Iterator[str]:
    """Passes on to `http://HOST:PORT`."""
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        (folder / "haproxy.cfg").write_text(
            "defaults\n  mode http\n  timeout connect 5s\n  timeout client 20s\n  timeout server 20s\n"
            f"frontend clients\n  bind fd@{listener.fileno()}\n  option forwardfor\n  default_backend upstream\n"
            f"backend upstream\n  http-reuse always\n  server only {upstream.removeprefix('http://')}\n"
        )
        with _running([program("haproxy"), "-db", "-q", "-f", str(folder / "haproxy.cfg")], listener):
            yield _url(listener)


@contextmanager
def _running(command: Sequence[str], listener: socket.socket | None = None) -> Iterator[None]:
    """With a socket that listens already, the server need not be waited for."""
    inherited = () if listener is None else (listener.fileno(),)
    with subprocess.Popen(command, pass_fds=inherited, stdout=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(DEADLINE_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _url(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"
