"""The admin API's operations, in one table, and the OpenAPI 3.1 document made of it and of the types in `views`."""

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import msgspec

from watchtower import __version__
from watchtower.analyst import documents
from watchtower.control.views import (
    Endpoints,
    Health,
    LabelSent,
    LabelsRefused,
    LabelsTaken,
    Problem,
    Readiness,
    ReportsView,
    Status,
    WeightsChange,
    WeightsView,
)

_REFERENCE: Final = "#/components/schemas/{name}"
_IN_PATH: Final = re.compile(r"\{(\w+)\}")
_TEXT: Final = {
    "text/plain": {"schema": {"type": "string"}},
    "application/openmetrics-text": {"schema": {"type": "string"}},
}
_HTML: Final = {"text/html": {"schema": {"type": "string"}}}
_ANY_JSON: Final = {"application/json": {"schema": {"type": "object"}}}


@dataclass(frozen=True, slots=True)
class Operation:
    name: str
    method: str
    path: str
    summary: str
    answer: type[msgspec.Struct] | None = None
    asked: type[msgspec.Struct] | None = None
    asks_for_many: bool = False  # one of them, or a list
    refusal: type[Problem] = Problem  # what a 400 is told with
    not_ready: bool = False  # answers 503 with the same type
    problems: tuple[int, ...] = ()
    is_open: bool = False  # without a token
    is_page: bool = False  # answers HTML


OPERATIONS: Final = (
    Operation("health", "GET", "/healthz", "Whether the supervisor is alive.", Health, is_open=True),
    Operation(
        "readiness",
        "GET",
        "/readyz",
        "Whether all workers accept requests and, when a probe is configured, every endpoint has a variant that answers.",
        Readiness,
        not_ready=True,
        is_open=True,
    ),
    Operation("metrics", "GET", "/metrics", "Every metric of all processes, as Prometheus reads it."),
    Operation("status", "GET", "/api/v1/status", "What runs, and how requests and shadows have fared.", Status),
    Operation(
        "endpoints",
        "GET",
        "/api/v1/endpoints",
        "Endpoints with their variants, current weights and shadows.",
        Endpoints,
    ),
    Operation(
        "weights",
        "GET",
        "/api/v1/endpoints/{name}/weights",
        "Current weights of an endpoint.",
        WeightsView,
        problems=(404,),
    ),
    Operation(
        "change_weights",
        "PUT",
        "/api/v1/endpoints/{name}/weights",
        "Changes weights: durable, and in force in every worker within a second.",
        WeightsView,
        WeightsChange,
        problems=(400, 403, 404, 413, 500),
    ),
    Operation(
        "analysis",
        "GET",
        "/api/v1/endpoints/{name}/analysis",
        "How far the analyst is with an endpoint, by which protocol it reads its bodies, and which it could not read.",
        documents.AnalysisView,
        problems=(404, 503),
    ),
    Operation(
        "drift",
        "GET",
        "/api/v1/endpoints/{name}/drift",
        "How the traffic of now differs from the baseline, with the alarms that stand.",
        documents.DriftView,
        problems=(404, 503),
    ),
    Operation(
        "baseline",
        "GET",
        "/api/v1/endpoints/{name}/baseline",
        "The baseline in force, or what it waits for.",
        documents.BaselineView,
        problems=(404, 503),
    ),
    Operation(
        "schema",
        "GET",
        "/api/v1/endpoints/{name}/schema",
        "The columns that requests and answers were decoded to.",
        documents.SchemaView,
        problems=(404, 503),
    ),
    Operation(
        "performance",
        "GET",
        "/api/v1/endpoints/{name}/performance",
        "How good the answers are, by the labels that have come, and estimated without.",
        documents.PerformanceView,
        problems=(404, 503),
    ),
    Operation(
        "shadow",
        "GET",
        "/api/v1/endpoints/{name}/shadows/{shadow}",
        "A shadow's answers beside the primary's: the verdict on each budget, the differences, the worst pairs.",
        documents.ShadowView,
        problems=(404, 503),
    ),
    Operation(
        "reports",
        "GET",
        "/api/v1/endpoints/{name}/reports",
        "Evidently's pages that were drawn of an endpoint: by the clock, when an alarm was raised, and on demand.",
        ReportsView,
        problems=(404,),
    ),
    Operation(
        "report",
        "GET",
        "/api/v1/endpoints/{name}/reports/{report}",
        "One of these pages. It is confined: its scripts reach neither this API nor any other place.",
        problems=(404,),
        is_page=True,
    ),
    Operation(
        "add_labels",
        "POST",
        "/api/v1/labels",
        "Takes what was true of rows that were asked about, one label or a list: all of them or, with a mistake, none.",
        LabelsTaken,
        LabelSent,
        asks_for_many=True,
        refusal=LabelsRefused,
        problems=(400, 403, 409, 413, 503),
    ),
    Operation("document", "GET", "/openapi.json", "This document."),
)


def openapi() -> dict[str, Any]:
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation)
    types = [kind for operation in OPERATIONS for kind in (operation.answer, operation.asked) if kind]
    refusals = {operation.refusal for operation in OPERATIONS} - {Problem}
    _, schemas = msgspec.json.schema_components([*types, Problem, *refusals], ref_template=_REFERENCE)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "watchtower",
            "version": __version__,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def _described(operation: Operation) -> dict[str, Any]:
    responses = {"200": {"description": "As asked.", "content": _content(operation)}}
    if operation.not_ready:
        responses["503"] = {"description": "Not ready.", "content": _content(operation)}
    for status in operation.problems if operation.is_open else (401, *operation.problems):
        told = operation.refusal if status == HTTPStatus.BAD_REQUEST else Problem
        problem = {"application/problem+json": {"schema": _reference(told)}}
        responses[str(status)] = {"description": HTTPStatus(status).phrase, "content": problem}
    described: dict[str, Any] = {"operationId": operation.name, "summary": operation.summary, "responses": responses}
    if names := _IN_PATH.findall(operation.path):
        described["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
        ]
    if operation.asked:
        one: dict[str, Any] = dict(_reference(operation.asked))
        many = {"oneOf": [one, {"type": "array", "items": one}]}
        body = {"application/json": {"schema": many if operation.asks_for_many else one}}
        described["requestBody"] = {"required": True, "content": body}
    # An empty requirement beside the token's: it is needed only where one is configured.
    described["security"] = [] if operation.is_open else [{"token": []}, {}]
    return described


def _content(operation: Operation) -> dict[str, Any]:
    if operation.answer:
        return {"application/json": {"schema": _reference(operation.answer)}}
    if operation.is_page:
        return dict(_HTML)
    return dict(_TEXT if operation.name == "metrics" else _ANY_JSON)


def _reference(kind: type[msgspec.Struct]) -> dict[str, str]:
    return {"$ref": _REFERENCE.format(name=kind.__name__)}
