"""Server-sent events of a body that has been received: the data of each, as WHATWG's HTML section 9.2.6 reads them."""

from typing import NamedTuple


class Events(NamedTuple):
    data: list[bytes]  # of every event that has any
    is_ended: bool  # False: no blank line follows the last one, which may be cut


def events(body: bytes) -> Events:
    """Lines end in LF, CRLF or CR; comments and fields other than `data` are passed over.

    The standard drops an event that no blank line ends. Servers that end with `data: [DONE]` and nothing behind it are
    common, so it is given here, and marked.
    """
    text = body.removeprefix(b"\xef\xbb\xbf")
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    found = [data for block in text.split(b"\n\n") if (data := _data(block)) is not None]
    return Events(found, text.endswith(b"\n\n") or not text)


def _data(block: bytes) -> bytes | None:
    values = [
        line[5:].removeprefix(b" ") for line in block.split(b"\n") if line.startswith(b"data:") or line == b"data"
    ]
    return b"\n".join(values) if values else None
