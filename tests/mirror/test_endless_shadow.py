"""A shadow cannot hurt: what it sends without end is not kept."""

import pytest

from dataplane import Plane, endpoint, shadow
from wire import OK, request

FIELDS = b"X-A: 1\r\n" * 260_000  # two megabytes: more than a shadow's answer may have


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\n" + FIELDS + b"Content-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n" + FIELDS + b"\r\n",
    ],
    ids=["head", "trailers"],
)
async def test_a_shadows_head_and_trailers_are_bounded(plane: Plane, data: bytes) -> None:
    model, dark = await plane.model(OK), await plane.model(data)
    await plane.serve(endpoint(model, shadows=[shadow(dark)]))
    client = await plane.client()

    await client.send(request("GET /")).message()
    await plane.counted(lambda: plane.shadow_outcomes() != {})

    assert plane.shadow_outcomes() == {"bad_answer": 1}
