"""One small model, the same behind every server: what it answers, and how ASGI, WSGI, http.server and aiohttp say that."""

import gzip
import json
from collections.abc import Awaitable, Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any, Final, NamedTuple

from aiohttp import web

LINES: Final = tuple(b"line %d of a stream\n" % number for number in range(5))
EVENTS: Final = tuple(b"data: event %d\n\n" % number for number in range(3))
ZIPPED: Final = gzip.compress(b"squeezed" * 100, mtime=0)
Fields = list[tuple[str, str]]


class Answer(NamedTuple):
    status: int
    fields: Fields
    parts: tuple[bytes, ...]  # more than one are sent without a length


def answer(method: str, path: str, body: bytes, cookies: str) -> Answer:
    """`cookies` is the Cookie field as it arrived."""
    match path:
        case "/echo":
            return Answer(200, [("Content-Type", "application/octet-stream")], (body,))
        case "/stream":
            return Answer(200, [("Content-Type", "text/plain")], LINES)
        case "/events":
            return Answer(200, [("Content-Type", "text/event-stream")], EVENTS)
        case "/zipped":
            return Answer(200, [("Content-Type", "text/plain"), ("Content-Encoding", "gzip")], (ZIPPED,))
        case "/moved":
            return Answer(302, [("Location", "/hello")], (b"",))
        case "/cookies":
            return Answer(200, [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")], (cookies.encode(),))
        case "/nothing":
            return Answer(204, [], ())
        case "/missing":
            return Answer(404, [("Content-Type", "text/plain")], (b"not here",))
    text = json.dumps({"method": method, "path": path}).encode()
    return Answer(200, [("Content-Type", "application/json")], (b"" if method == "HEAD" else text,))


def framed(made: Answer) -> Fields:
    """With the length, where it is known."""
    return [*made.fields, *(("Content-Length", str(len(part))) for part in made.parts[:1] if len(made.parts) == 1)]


async def asgi(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    if scope["type"] != "http":
        return
    parts = []
    while (event := await receive())["type"] == "http.request":
        parts.append(event["body"])
        if not event.get("more_body"):
            break
    cookies = dict(scope["headers"]).get(b"cookie", b"").decode()
    made = answer(scope["method"], scope["path"], b"".join(parts), cookies)
    fields = [(name.encode(), value.encode()) for name, value in framed(made)]
    await send({"type": "http.response.start", "status": made.status, "headers": fields})
    for part in made.parts:
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body"})


def wsgi(environ: dict[str, Any], start: Callable[[str, Fields], object]) -> Iterable[bytes]:
    body = environ["wsgi.input"].read()
    made = answer(environ["REQUEST_METHOD"], environ["PATH_INFO"], body, environ.get("HTTP_COOKIE", ""))
    start(f"{made.status} Whatever", framed(made))
    return made.parts


async def handle(request: web.Request) -> web.StreamResponse:
    made = answer(request.method, request.path, await request.read(), request.headers.get("Cookie", ""))
    response = web.StreamResponse(status=made.status)
    for name, value in framed(made):
        response.headers.add(name, value)
    await response.prepare(request)
    for part in made.parts:
        await response.write(part)
    await response.write_eof()
    return response


class Handler(BaseHTTPRequestHandler):
    """Python's http.server: an answer of HTTP/1.0 without a length ends with its connection."""

    def do_GET(self) -> None:
        body = b"".join(self._body())
        made = answer(self.command, self.path, body, self.headers.get("Cookie", ""))
        self.send_response(made.status)
        for name, value in framed(made):
            self.send_header(name, value)
        is_chunked = len(made.parts) > 1 and self.protocol_version == "HTTP/1.1"
        if is_chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in made.parts:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part) if is_chunked else part)
        if is_chunked:
            self.wfile.write(b"0\r\n\r\n")

    def do_POST(self) -> None:
        self.do_GET()

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  the name is http.server's
        """Not to standard error."""

    def _body(self) -> Iterator[bytes]:
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            yield self.rfile.read(int(self.headers.get("Content-Length", 0)))


class OldHandler(Handler):
    protocol_version = "HTTP/1.0"


class NewHandler(Handler):
    protocol_version = "HTTP/1.1"
