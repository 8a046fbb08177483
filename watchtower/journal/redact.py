"""Takes private values out of bodies before a byte of them is kept.

Private first: with redaction configured, a body is kept only when all of it was understood. One that is cut, in an
encoding or a format that we do not read, or no valid JSON, is not kept at all. What was understood and held nothing
private is kept as it was sent, but for what its reader passes over: of a key that stands twice in an object the last one
is read, so where a private key may stand in the text, what was read is kept. Values inside a JSON text that is itself a
string are not looked into.

Understood are JSON, lines of JSON (NDJSON) and server-sent events whose data is JSON; each plain, gzip or deflate. A
body that was changed is kept decoded, so its encoding is then empty.
"""

import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import msgspec

from watchtower.record import BodyNote

REDACTED: Final = "<redacted>"
MAX_DECODED: Final = 1024 * 1024  # of an inflated body: a bomb costs no more than some ms, and this memory

_SECRET_HEADERS: Final = frozenset(
    {
        b"authorization",
        b"proxy-authorization",
        b"cookie",
        b"set-cookie",
        b"cookie2",
        b"set-cookie2",
        b"api-key",
        b"apikey",
        b"x-api-key",
        b"x-apikey",
        b"x-api-token",
        b"x-api-secret",
        b"x-auth-token",
        b"x-auth-key",
        b"x-access-token",
        b"x-id-token",
        b"x-refresh-token",
        b"x-secret-key",
        b"x-csrf-token",
        b"x-xsrf-token",
        b"x-jwt-assertion",
        b"x-vault-token",  # HashiCorp Vault
        b"private-token",  # GitLab
        b"x-goog-api-key",  # Google
        b"x-goog-iap-jwt-assertion",
        b"x-amz-security-token",  # AWS
        b"x-amzn-oidc-accesstoken",
        b"x-amzn-oidc-data",
        b"ocp-apim-subscription-key",  # Azure
        b"x-functions-key",
        b"x-ms-token-aad-access-token",
        b"x-ms-token-aad-id-token",
        b"cf-access-jwt-assertion",  # Cloudflare
        b"cf-access-client-secret",
        b"x-rapidapi-key",
    }
)

_STEP: Final = re.compile(
    r"""(?P<deep>\.\.)? (?:
          (?(deep)|\.) (?P<name>[^\W\d][\w-]*|\*)
        | \[ (?: '(?P<single>[^'\\]+)' | "(?P<double>[^"\\]+)" | (?P<index>\d{1,9}) | (?P<all>\*) ) \]
    )""",
    re.VERBOSE,
)
_RIGHT: Final = (
    "a path like $.name, $.a.b, $.items[*].name, $.items[0].x, $..name or $['odd name'], with at most one `..`"
)


def is_secret_header(name: bytes) -> bool:
    """Whether a header is never kept, whatever the configuration names."""
    return name.lower() in _SECRET_HEADERS


@dataclass(frozen=True, slots=True)
class _Step:
    key: str | int | None  # None takes every member
    is_deep: bool  # at any depth below


Path = tuple[_Step, ...]


def compile_paths(paths: Iterable[str]) -> tuple[Path, ...]:
    """The paths as steps; a `ValueError` says which is none, and what one looks like."""
    return tuple(_compile(path) for path in paths)


def _compile(path: str) -> Path:
    steps: list[_Step] = []
    at = 1
    while path.startswith("$") and (match := _STEP.match(path, at)):
        name = match["name"] or match["single"] or match["double"]
        every = match["all"] or match["name"] == "*"
        key = None if every else int(match["index"]) if match["index"] else name
        steps.append(_Step(key, bool(match["deep"])))
        at = match.end()
    # Two `..` can take time that grows with the square of a body's depth, on the event loop.
    if not steps or at < len(path) or sum(step.is_deep for step in steps) > 1:
        raise ValueError(f"{path!r} should be {_RIGHT}")
    return tuple(steps)


class Redacted(NamedTuple):
    body: bytes
    note: BodyNote
    encoding: bytes  # of the body as it is kept


class Redactor:
    """Replaces what the paths name. Without paths, bodies pass untouched."""

    def __init__(self, paths: Iterable[str], max_decoded: int = MAX_DECODED) -> None:
        self._paths = compile_paths(paths)
        self._names = tuple(map(_last_name, self._paths))
        self._max_decoded = max_decoded

    def apply(self, body: bytes, content_type: bytes, encoding: bytes, *, whole: bool) -> Redacted:
        if not body and whole:
            return Redacted(b"", BodyNote.NONE, encoding)
        if not self._paths:
            return Redacted(body, BodyNote.WHOLE if whole else BodyNote.CUT, encoding)
        if not whole:
            return Redacted(b"", BodyNote.UNREADABLE, encoding)
        try:
            clean = self._clean(_decoded(body, encoding, self._max_decoded), content_type)
        except (ValueError, RecursionError):
            return Redacted(b"", BodyNote.UNREADABLE, encoding)
        return Redacted(body, BodyNote.WHOLE, encoding) if clean is None else Redacted(clean, BodyNote.REDACTED, b"")

    def _clean(self, text: bytes, content_type: bytes) -> bytes | None:
        """The text without what is private, `None` when it held nothing; a `ValueError` when it cannot be read."""
        if content_type.partition(b";")[0].strip().lower() == b"text/event-stream":
            return self._clean_events(text)
        try:
            return self._clean_json(text)
        except ValueError:
            lines = [line for line in text.splitlines() if line.strip()]
            if len(lines) < 2:
                raise
        clean = [self._clean_json(line) for line in lines]
        if not any(clean):
            return None
        return b"".join((new or old) + b"\n" for new, old in zip(clean, lines, strict=True))

    def _clean_events(self, text: bytes) -> bytes | None:
        """Each event's data is JSON, or OpenAI's `[DONE]`. Comments are for no one to read, and are left out."""
        lines: list[bytes] = []
        is_changed = False
        data: list[bytes] = []
        for line in [*text.splitlines(), b""]:
            field, _, value = line.partition(b":")
            if field == b"data":
                data.append(value.removeprefix(b" "))
            elif line and not field:
                is_changed = True
            elif field in (b"event", b"id", b"retry"):
                lines.append(line)
            elif line:
                raise ValueError("a field that server-sent events do not have")
            else:
                event = b"\n".join(data)
                clean = self._clean_json(event) if data and event != b"[DONE]" else None
                lines += [b"data: " + part for part in ([clean] if clean is not None else data)] + [b""]
                is_changed |= clean is not None
                data = []
        return b"\n".join(lines) if is_changed else None

    def _clean_json(self, text: bytes) -> bytes | None:
        try:
            value = msgspec.json.decode(text)
        except msgspec.MsgspecError as error:
            raise ValueError("not JSON") from error
        holder = [value]  # so that the whole body, too, lies in something
        found = [_replace(holder, path) for path in self._paths]
        return msgspec.json.encode(holder[0]) if any(found) or self._may_hide(text) else None

    def _may_hide(self, text: bytes) -> bool:
        """Whether something private may lie under the first of two equal keys. Escapes can spell any name."""
        return b"\\u" in text or b"\\/" in text or any(name in text for name in self._names)


def _last_name(path: Path) -> bytes:
    """As it stands in a text; nothing, which stands in every text, of a path without a name."""
    names = [step.key for step in path if isinstance(step.key, str)]
    return msgspec.json.encode(names[-1])[1:-1] if names else b""


def _decoded(body: bytes, encoding: bytes, limit: int) -> bytes:
    match encoding.strip().lower():
        case b"" | b"identity":
            return body
        case b"gzip" | b"x-gzip":
            return _inflated(body, 16 + zlib.MAX_WBITS, limit)
        case b"deflate":  # zlib's format by RFC 9110 section 8.4.1.2; some send it without zlib's frame
            try:
                return _inflated(body, zlib.MAX_WBITS, limit)
            except ValueError:
                return _inflated(body, -zlib.MAX_WBITS, limit)
    raise ValueError("an encoding that is not read")


def _inflated(body: bytes, window: int, limit: int) -> bytes:
    inflater = zlib.decompressobj(window)
    try:
        text = inflater.decompress(body, limit + 1)
    except zlib.error as error:
        raise ValueError("not what its encoding says") from error
    if len(text) > limit or not inflater.eof or inflater.unused_data:
        raise ValueError("too large, cut or followed by something else")
    return text


def _replace(holder: list[Any], path: Path) -> int:
    """Replaces what the path names in the holder's only item; gives how many values that were."""
    places: list[tuple[Any, Any]] = [(holder, 0)]
    for step in path:
        places = [place for container, key in places for place in _members(container[key], step)]
    for container, key in places:
        container[key] = REDACTED
    return len(places)


def _members(value: Any, step: _Step) -> Iterator[tuple[Any, Any]]:
    """Where the values lie that a step leads to, each as its container and key."""
    for container in _containers(value) if step.is_deep else (value,):
        if isinstance(container, dict):
            keys = container if step.key is None else (step.key,) if step.key in container else ()
            yield from ((container, key) for key in keys)
        elif isinstance(container, list):
            indices = range(len(container))
            chosen = indices if step.key is None else (step.key,) if step.key in indices else ()
            yield from ((container, index) for index in chosen)


def _containers(value: Any) -> Iterator[Any]:
    """The value and all below it that can have members. Without recursion: the depth is the sender's choice."""
    waiting = [value]
    while waiting:
        container = waiting.pop()
        if isinstance(container, (dict, list)):
            yield container
            members = container.values() if isinstance(container, dict) else container
            # Most members are numbers, and this runs on the loop: passed over here, a list of 800 takes half the time.
            waiting += [member for member in members if isinstance(member, (dict, list))]
