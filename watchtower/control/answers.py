"""What the admin server's handlers answer with, and how they find the endpoint that a path names."""

from collections.abc import Mapping, Sequence

import msgspec
from aiohttp import web

from watchtower.control.views import EndpointView, Problem


def json_answer(answer: msgspec.Struct, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(answer), status=status, content_type="application/json")


def problem_answer(problem: Problem, headers: Mapping[str, str] | None = None) -> web.Response:
    body = msgspec.json.encode(problem)
    return web.Response(body=body, status=problem.status, content_type="application/problem+json", headers=headers)


def endpoint_of(request: web.Request, endpoints: Sequence[EndpointView]) -> EndpointView:
    name = request.match_info["name"]
    for endpoint in endpoints:
        if endpoint.name == name:
            return endpoint
    raise web.HTTPNotFound(text="No endpoint has this name.")
