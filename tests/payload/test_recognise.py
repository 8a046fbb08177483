import json
from typing import Any

import pytest
from recorded import RECORDED, Recorded

from watchtower.payload.recognise import Recognised, recognise

UNNAMED = b"/score"
OPENAIS = ("openai", "the body has a model and messages, prompt or input")


@pytest.mark.parametrize("case", [case for case in RECORDED if case.protocol != "mapped"], ids=repr)
def test_a_recorded_exchange_is_known_for_what_it_is(case: Recorded) -> None:
    assert recognise(case.target, case.request_type, case.request, case.answer).name == case.protocol


@pytest.mark.parametrize(
    ("target", "name", "why"),
    [
        (b"/v1/models/iris:predict?x=1", "v1", "path ends in :predict"),
        (b"/prefix/v1/models/iris/versions/2:classify", "v1", "path ends in :classify"),
        (b"/v2/models/iris/infer", "v2", "path is /v2/models/…/infer"),
        (b"/openai/v1/chat/completions", "openai", "path ends in /chat/completions"),
        (b"/v1/embeddings", "openai", "path ends in /embeddings"),
        (b"/predictions/resnet/2.0", "torchserve", "path is /predictions/…"),
    ],
)
def test_a_path_that_is_a_protocols_own_decides(target: bytes, name: str, why: str) -> None:
    assert recognise(target, b"", b"", b"") == (name, why)


@pytest.mark.parametrize(
    ("asked", "answered", "expected"),
    [
        ({"instances": []}, {}, ("v1", "the body has instances")),
        ({"inputs": [[1]]}, {"outputs": [[1]]}, ("v1", "the body has inputs and the answer outputs")),
        ({"inputs": [{"datatype": "FP32"}]}, {}, ("v2", "the body has inputs with datatypes")),
        ({"dataframe_split": {}}, {}, ("mlflow", "the body has dataframe_split")),
        ({"model": "m", "messages": []}, {"choices": []}, OPENAIS),
        ({"model": "m", "input": "a"}, {"data": []}, OPENAIS),
        ({"model": "m", "input": "a"}, {"output": []}, OPENAIS),
        ({"model": "churn", "input": {"age": 5}}, {"churn": 0.5}, ("json", "the body is JSON of no known protocol")),
        ({"model": "churn", "input": {"age": 5}}, [0.5], ("json", "the body is JSON of no known protocol")),
        ({"age": 5}, 1, ("json", "the body is JSON of no known protocol")),
        ([1], 1, ("json", "the body is JSON of no known protocol")),
    ],
)
def test_on_an_unknown_path_the_bodies_decide(asked: Any, answered: Any, expected: tuple[str, str]) -> None:
    assert recognise(UNNAMED, b"", json.dumps(asked).encode(), json.dumps(answered).encode()) == expected


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        (b"text/csv", b"a,b\n1,2", ("mlflow", "the CSV has a header")),
        (b"text/csv", b"1,2\n3,4", ("sagemaker", "the CSV has no header")),
        (b"application/jsonlines", b"{}\n{}", ("sagemaker", "the body is lines of JSON")),
        (b"application/json", b'{"instances": [{"features": [1]}]}', ("sagemaker", "the instances have features")),
        (b"application/json", b'{"instances": [[1]]}', ("mlflow", "the body has instances")),
        (b"application/json", b'{"inputs": [[1]]}', ("mlflow", "the body has inputs")),
        (b"application/json", b'{"inputs": [{"datatype": "FP32"}]}', ("v2", "the body has inputs with datatypes")),
        (b"application/json", b'{"columns": [], "data": []}', ("mlflow", "the body is a split frame")),
        (b"application/json", b'{"rows": 1}', ("sagemaker", "the body is JSON that MLflow does not take")),
        (b"application/x-npy", b"\x93NUMPY", ("sagemaker", "no JSON")),
    ],
)
def test_mlflow_and_sagemaker_are_told_apart_by_the_body(kind: bytes, body: bytes, expected: tuple[str, str]) -> None:
    found = recognise(b"/invocations", kind, body, b"")

    assert (found.name, found.why.removeprefix("path is /invocations and ")) == expected


@pytest.mark.parametrize(
    ("asked", "answer", "expected"),
    [
        ({"inputs": "a"}, b'{"generated_text": "b"}', ("sagemaker", "the answer has no predictions")),
        ({"instances": [[1]]}, b'{"scores": [1]}', ("sagemaker", "the answer has no predictions")),
        ({"inputs": "a"}, b'{"predictions": "b"}', ("mlflow", "the body has inputs")),
        ({"inputs": "a"}, b'["b"]', ("mlflow", "the body has inputs")),
        ({"messages": []}, b'{"choices": []}', ("openai", "the body has messages")),
        ({"messages": []}, b'data: {"choices": []}\n\n', ("openai", "the body has messages")),
        ({"messages": []}, b'{"messages": []}', ("sagemaker", "the answer has no predictions")),
    ],
)
def test_at_invocations_the_answer_is_asked_too(asked: Any, answer: bytes, expected: tuple[str, str]) -> None:
    found = recognise(b"/invocations", b"application/json", json.dumps(asked).encode(), answer)

    assert expected == (found.name, found.why.removeprefix("path is /invocations and "))


@pytest.mark.parametrize("name", ["kserve_binary", "kserve_mixed"])
def test_tensors_behind_the_json_are_known_by_the_json(name: str) -> None:
    [body] = [case.request for case in RECORDED if case.name == name]

    assert recognise(UNNAMED, b"", body, b"") == ("v2", "the body has inputs with datatypes")
    assert recognise(b"/invocations", b"", body, b"").name == "v2"


def test_bytes_that_are_answered_with_json_are_a_handlers() -> None:
    assert recognise(UNNAMED, b"image/png", b"\x89PNG", b'{"a": 1}').name == "torchserve"


@pytest.mark.parametrize("answer", [b"", b'data: {"choices": []}\n\n'])
def test_a_stream_or_no_answer_says_nothing_against_what_was_asked(answer: bytes) -> None:
    assert recognise(UNNAMED, b"", b'{"model": "m", "messages": []}', answer) == OPENAIS


def test_where_nothing_was_kept_it_is_any_json() -> None:
    assert recognise(UNNAMED, b"", b"", b"") == Recognised("json", "neither body was kept, or is JSON")
