from dataplane import Plane, endpoint
from wire import OK, request


async def test_a_request_reaches_the_model_and_its_answer_the_client(plane: Plane) -> None:
    model = await plane.model(OK)
    await plane.serve(endpoint(model))
    client = await plane.client()

    found = await client.send(request("GET /a")).message()

    assert (found.status, found.body) == (200, b"ok")
