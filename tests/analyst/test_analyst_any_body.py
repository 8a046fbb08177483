"""Any bodies at all, from the journal to the store and over a restart: whatever they are, the analyst goes on."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from analyst_stage import Stage
from hypothesis import given, settings
from hypothesis import strategies as st
from recording import pair, primary, shadow

from watchtower.record import BodyNote

NAMES = st.one_of(st.sampled_from(["a", "A", "b", "", "request_id", "label", "score"]), st.text(max_size=5))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["2026-11-20T10:00:00Z", "NaN", "1e400", "0x10", "gold", "\ud800"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=12,
)
ROWS = st.lists(st.one_of(st.dictionaries(NAMES, VALUES, max_size=4), st.lists(VALUES, max_size=3), VALUES), max_size=5)
V2 = st.fixed_dictionaries(
    {
        "name": NAMES,
        "datatype": st.sampled_from(["FP32", "INT64", "BOOL", "BYTES", "FP64", "UINT8", "NONE"]),
        "shape": st.lists(st.integers(-1, 4), max_size=3),
        "data": VALUES,
    }
)
BODIES = st.one_of(
    ROWS.map(lambda rows: {"instances": rows, "predictions": rows}),
    st.lists(V2, max_size=3).map(lambda tensors: {"inputs": tensors, "outputs": tensors}),
    VALUES,
    VALUES.map(lambda value: {"dataframe_records": value, "model": "m", "prompt": value, "data": value}),
    VALUES.map(lambda value: {"messages": value, "choices": value, "usage": value}),
)
RAW = st.one_of(BODIES.map(lambda body: json.dumps(body).encode("utf-8", "surrogatepass")), st.binary(max_size=40))
TARGETS = st.sampled_from(
    [b"/v1/models/m:predict", b"/v2/models/m/infer", b"/invocations", b"/v1/chat/completions", b"/predictions/m", b"/x"]
)
TYPES = st.sampled_from([b"application/json", b"text/csv", b"text/event-stream", b"", b"application/jsonlines"])
EXCHANGES = st.lists(st.tuples(RAW, RAW, RAW, TARGETS, TYPES, TYPES), min_size=1, max_size=6)


@pytest.mark.slow
@settings(max_examples=12)
@given(exchanges=EXCHANGES)
def test_no_body_ends_the_analyst(tmp_path_factory: pytest.TempPathFactory, exchanges: Sequence[Any]) -> None:
    stage = Stage(tmp_path_factory.mktemp("any"), {"baseline": {"live": {"rows": 4}}})
    firsts, seconds = [], []
    for number, (asked, answered, other, target, asked_type, answered_type) in enumerate(exchanges):
        about: dict[str, Any] = {"target": target, "request_type": asked_type, "response_type": answered_type}
        firsts.append(primary(number, asked, answered, number, **about))
        note = BodyNote.NOT_KEPT if asked else BodyNote.NONE
        seconds.append(shadow(number, other, number, request_note=note, **about))
    stage.analyse(firsts)
    stage.analyse(seconds, pair(100, at_s=30))
    stage.clock.advance(3600)
    stage.analyse()

    assert stage.query("SELECT count(*) AS n FROM exchanges") == [{"n": 2 * len(exchanges) + 2}]
    assert stage.shadow()["pairs"] == len(exchanges) + 1
    assert len(stage.query("SELECT * FROM rows")) >= 2
    assert stage.query("SELECT agrees FROM pairs WHERE request_id = '000100'") == [{"agrees": True}]
