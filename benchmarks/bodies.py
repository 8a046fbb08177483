"""JSON bodies as a model endpoint meets them, of an exact size."""

from typing import Final

SIZES: Final = {"100 B": 100, "4 KB": 4096, "1 MB": 1_000_000}
PATH: Final = "/v1/models/churn:predict"

_HEAD: Final = b'{"instances": ['
_ROW: Final = b"[5.1, 3.5, 1.4, 0.2], "
_TAIL: Final = b"[5.1, 3.5, 1.4, 0.2]]}"


def json_body(size: int) -> bytes:
    rows, spaces = divmod(size - len(_HEAD) - len(_TAIL), len(_ROW))
    return _HEAD + _ROW * rows + _TAIL + b" " * spaces


def post(port: int, body: bytes) -> bytes:
    head = f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
