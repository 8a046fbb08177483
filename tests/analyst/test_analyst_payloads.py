"""Bodies of the protocols, from the journal to the tables."""

import gzip
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import brotli  # type: ignore[import-untyped]
import pytest
import zstandard
from analyst_stage import Stage
from recording import JSON, Body, pair, primary, shadow

from watchtower.clock import SECOND
from watchtower.metrics import catalogue
from watchtower.record import NEVER, BodyNote, Outcome

BODIES = Path(__file__).parent.parent / "payload" / "bodies"
CSV = b"text/csv"
UNENDED = (Outcome.CANCELLED, Outcome.RESET, Outcome.TIMED_OUT, Outcome.BAD_ANSWER)
OCTETS = b"application/octet-stream"
EVENTS = b"text/event-stream; charset=utf-8"
ASKED: Body = {"instances": [[1.0]]}
ANSWER: Body = {"predictions": [1.0]}
COLUMNS = "SELECT column_name AS name FROM (DESCRIBE rows) WHERE column_name LIKE '%.%' ORDER BY name"


class Spoken(NamedTuple):
    name: str  # of the bodies
    target: bytes
    protocol: str
    rows: int
    request_type: bytes = JSON
    answer_type: bytes = JSON
    pairs: int = 1

    def bodies(self) -> list[bytes]:
        return [next(BODIES.glob(f"{self.name}.{side}.*")).read_bytes() for side in ("request", "answer")]


SPOKEN = (
    Spoken("kserve_v1_objects", b"/v1/models/income:predict", "v1", 2),
    Spoken("triton", b"/v2/models/iris/infer", "v2", 2),
    Spoken("triton_client", b"/v2/models/mymodel/infer", "v2", 3, OCTETS, OCTETS),
    Spoken("mlserver_pandas", b"/v2/models/m/infer", "v2", 3),
    Spoken("mlflow_split", b"/invocations", "mlflow", 2),
    Spoken("mlflow_csv", b"/invocations", "mlflow", 2, b"text/csv"),
    Spoken("sagemaker_xgboost", b"/invocations", "sagemaker", 2, b"text/csv", b"text/csv; charset=utf-8"),
    Spoken("torchserve_json", b"/predictions/text/1.0", "torchserve", 1),
    Spoken("openai_embeddings", b"/v1/embeddings", "openai", 2),
    Spoken("openai_tools", b"/v1/chat/completions", "openai", 1),
    Spoken("vllm_stream", b"/v1/chat/completions", "openai", 1, JSON, EVENTS),
)


def answered(stage: Stage, spoken: Spoken) -> None:
    request, answer = spoken.bodies()
    one = primary(
        1, request, answer, target=spoken.target, request_type=spoken.request_type, response_type=spoken.answer_type
    )
    other = shadow(1, answer, target=spoken.target, request_type=spoken.request_type, response_type=spoken.answer_type)
    stage.analyse([one, other])


@pytest.mark.parametrize("spoken", SPOKEN, ids=lambda spoken: spoken.name)
def test_a_protocol_is_recognised_and_its_rows_are_kept(tmp_path: Path, spoken: Spoken) -> None:
    stage = Stage(tmp_path)
    answered(stage, spoken)
    [protocol] = stage.status()["protocols"]

    assert (protocol["path"], protocol["protocol"]) == (spoken.target.decode(), spoken.protocol)
    assert stage.faults() == {}
    assert stage.query("SELECT count(*) AS n FROM rows WHERE role = 'primary'") == [{"n": spoken.rows}]
    assert stage.shadow()["agreeing"] == 1


@pytest.mark.parametrize(("said", "agreeing"), [("bad", 1), ("good", 0)])
def test_a_shadow_that_answers_in_json_is_compared_with_tensors_behind_it(
    tmp_path: Path, said: str, agreeing: int
) -> None:
    request, answer = SPOKEN[2].bodies()
    outputs: Body = {
        "outputs": [
            {"name": "output0", "datatype": "FP32", "shape": [3, 2], "data": [0.25, 0.75, 0.5, 0.5, 1.0, 0.0]},
            {"name": "label", "datatype": "BYTES", "shape": [3], "data": ["good", said, "worse"]},
        ]
    }
    stage = Stage(tmp_path)
    one = primary(1, request, answer, target=SPOKEN[2].target, request_type=OCTETS, response_type=OCTETS)
    stage.analyse([one, shadow(1, outputs, target=SPOKEN[2].target, request_type=OCTETS)])
    shown = stage.shadow()

    assert stage.faults() == {}
    assert (shown["compared"], shown["agreeing"]) == (1, agreeing)
    assert {each["name"]: each["disagreeing"] for each in shown["columns"]} == {
        "output0": 0,
        "label": 1 - agreeing,
    }


@pytest.mark.parametrize(
    ("kind", "answers", "expected"),
    [
        (b"text/plain", (b"cat", b"dog"), (1, 0)),
        (b"text/plain", (b"cat", b"cat\n"), (1, 0)),
        (OCTETS, (b"\xff\x00", b"\xff\x01"), (0, 0)),
        (OCTETS, (b"\xff\x00", b"\xff\x00"), (1, 1)),
    ],
)
def test_answers_of_the_same_size_are_not_the_same_for_it(
    tmp_path: Path, kind: bytes, answers: tuple[bytes, bytes], expected: tuple[int, int]
) -> None:
    bare: Any = {"target": b"/predictions/m", "request_type": b"image/png", "response_type": kind}
    stage = Stage(tmp_path)
    stage.analyse([primary(1, b"\x89PNG", answers[0], **bare), shadow(1, answers[1], **bare)])
    shown = stage.shadow()

    assert expected == (shown["compared"], shown["agreeing"])


def test_a_streamed_answer_is_text_tokens_and_times(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    answered(stage, SPOKEN[-1])
    [row] = stage.query("""SELECT "in.prompt" AS prompt, "out.text" AS text FROM rows WHERE role = 'primary'""")

    assert row == {"prompt": "Greet me in French", "text": "Bonjour à toi"}


def test_a_batch_counts_as_its_rows(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    batch = {"instances": [{"age": age} for age in range(7)]}
    stage.analyse([primary(1, batch, {"predictions": [float(age) for age in range(7)]})])

    assert stage.status()["rows"] == 7
    assert stage.totals().by(catalogue.ANALYST_ROWS, "side") == {"input": 7, "output": 7}
    assert stage.query("SELECT rows FROM exchanges") == [{"rows": 7}]
    assert stage.query("""SELECT "row", "in.age" AS age FROM rows ORDER BY "row" DESC LIMIT 1""") == [
        {"row": 6, "age": 6}
    ]


def test_rows_that_an_answer_lacks_are_missing(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse([primary(1, {"instances": [[1.0], [2.0]]}, ANSWER)])

    assert stage.query("""SELECT "in.0" AS asked, "out.prediction" AS said FROM rows ORDER BY "row" """) == [
        {"asked": 1.0, "said": 1.0},
        {"asked": 2.0, "said": None},
    ]


def test_the_same_name_on_both_sides_is_two_columns(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse([primary(1, {"instances": [{"label": "a"}]}, {"predictions": [{"label": "b"}]})])

    assert stage.query("""SELECT "in.label" AS asked, "out.label" AS said FROM rows""") == [{"asked": "a", "said": "b"}]


def test_a_mapping_makes_columns_of_any_json(tmp_path: Path) -> None:
    mapping = {"inputs": [{"name": "sku", "path": "$.order.sku"}], "outputs": [{"name": "p", "path": "$.result.p"}]}
    stage = Stage(tmp_path, {"protocol": "mapped", "mapping": mapping})
    stage.analyse([primary(1, {"order": {"sku": "a1"}}, {"result": {"p": 0.25}}, target=b"/score")])

    assert stage.query("""SELECT "in.sku" AS sku, "out.p" AS p FROM rows""") == [{"sku": "a1", "p": 0.25}]


def test_an_error_answer_has_no_rows_and_is_no_fault(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse([primary(1, ASKED, b"out of memory", status=500, outcome="error_status")])

    assert stage.faults() == {}
    assert stage.query("SELECT status, rows FROM exchanges") == [{"status": 500, "rows": 1}]


@pytest.mark.parametrize(
    ("note", "reason"),
    [
        (BodyNote.CUT, "cut"),
        (BodyNote.UNREADABLE, "not_kept"),
        (BodyNote.NOT_KEPT, "not_kept"),
    ],
)
def test_a_body_that_the_journal_does_not_hold_is_a_fault_by_reason(
    tmp_path: Path, note: BodyNote, reason: str
) -> None:
    stage = Stage(tmp_path)
    stage.analyse([primary(1, b'{"instances": [[1', ANSWER, request_note=note)], pair(2))

    assert stage.faults() == {("input", reason): 1}
    assert stage.query("SELECT request_fault FROM exchanges WHERE request_id = '000001'") == [{"request_fault": reason}]
    assert stage.totals().value(catalogue.PAYLOAD_FAULTS, side="input", reason=reason) == 1
    assert stage.shadow()["agreeing"] == 1


def test_what_came_of_an_answer_that_never_ended_is_no_answer(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    lines: Any = {"target": b"/invocations", "request_type": CSV, "response_type": CSV}
    whole = primary(1, b"1.5,2.5", b"0.25\n0.75", **lines)
    stage.analyse([whole, *(primary(2, b"1.5,2.5", b"0.25\n0.7", **lines, outcome=outcome) for outcome in UNENDED)])

    assert stage.faults() == {("output", "cut"): len(UNENDED)}
    assert stage.query("""SELECT "out.prediction" AS said FROM rows WHERE "out.prediction" IS NOT NULL""") == [
        {"said": 0.25},
        {"said": 0.75},
    ]


@pytest.mark.parametrize("outcome", [Outcome.CANCELLED, Outcome.REFUSED])
def test_what_came_of_a_request_that_was_never_sent_on_is_no_request(tmp_path: Path, outcome: Outcome) -> None:
    stage = Stage(tmp_path)
    lines: Any = {"target": b"/invocations", "request_type": CSV, "response_type": CSV}
    left = primary(2, b"1.5,2.5\n3.5,4", b"", **lines, outcome=outcome, status=0, service_ns=NEVER)
    stage.analyse([primary(1, b"1.5,2.5\n3.5,4.5", b"0.25\n0.75", **lines), left])

    assert stage.faults() == {("input", "cut"): 1}
    assert stage.query("""SELECT "in.1" AS asked FROM rows ORDER BY "row" """) == [{"asked": 2.5}, {"asked": 4.5}]


def test_a_request_whose_answer_nobody_waited_for_was_asked(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    left = primary(1, b"1.5,2.5", b"", request_type=CSV, target=b"/invocations", outcome=Outcome.CANCELLED, status=0)
    stage.analyse([left])

    assert stage.faults() == {}
    assert stage.query("""SELECT "in.1" AS asked FROM rows""") == [{"asked": 2.5}]


def test_a_redacted_body_is_read_and_shown_redacted(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    kept = {"instances": [{"ssn": "<redacted>", "age": 4}]}
    stage.analyse([primary(1, kept, ANSWER, request_note=BodyNote.REDACTED)])

    assert stage.query("""SELECT "in.ssn" AS ssn, "in.age" AS age FROM rows""") == [{"ssn": "<redacted>", "age": 4}]


def test_a_fault_is_shown_with_the_beginning_of_its_last_body(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse([primary(1, b"first", ANSWER), primary(2, b"second" * 100, ANSWER)])
    [fault] = stage.status()["faults"]

    assert (fault["reason"], fault["count"], fault["request_id"]) == ("not_json", 2, "000002")
    assert fault["beginning"] == ("second" * 100)[:160]


def test_what_was_sent_is_shown_no_longer_than_the_journal_keeps_it(tmp_path: Path) -> None:
    stage = Stage(tmp_path, {"shadows": [{"name": "v2", "url": "http://127.0.0.1:8001"}]}, capture={"retention": "1h"})
    stage.analyse([primary(1, b"odd", ANSWER)], pair(2, other=0.9))
    before = stage.status()["faults"][0]["beginning"], len(stage.shadow()["worst"])
    with stage.started() as analyst:
        stage.clock.advance(3700)
        analyst.step()
        analyst.commit()
    after = stage.status()["faults"][0]["beginning"], len(stage.shadow()["worst"])

    assert (before, after) == (("odd", 1), ("", 0))
    assert stage.status()["faults"][0]["count"] == 1


def test_a_clock_that_is_ahead_for_a_moment_takes_nothing_away_that_was_sent(tmp_path: Path) -> None:
    stage = Stage(tmp_path, {"shadows": [{"name": "v2", "url": "http://127.0.0.1:8001"}]}, capture={"retention": "1h"})
    stage.analyse([primary(1, b"odd", ANSWER)], pair(2, other=0.9))
    with stage.started() as analyst:
        stage.clock.epoch_ns += 86_400 * SECOND
        stage.clock.advance(3)
        analyst.step()
        analyst.commit()

    assert (stage.status()["faults"][0]["beginning"], len(stage.shadow()["worst"])) == ("odd", 1)


def test_without_a_fault_no_metric_claims_one(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse(pair(1))

    assert stage.totals().value(catalogue.PAYLOAD_FAULTS) == 0


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_a_compressed_body_is_read(tmp_path: Path, encoding: str) -> None:
    stage = Stage(tmp_path)
    packed = compressed(encoding, b'{"instances": [{"age": 4}]}')
    stage.analyse([primary(1, packed, ANSWER, request_encoding=encoding.encode())])

    assert stage.query("""SELECT "in.age" AS age FROM rows""") == [{"age": 4}]


def test_a_compressed_body_is_recognised_where_the_path_says_nothing(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    packed = gzip.compress(b'{"instances": [{"age": 4}]}')
    stage.analyse([primary(1, packed, ANSWER, request_encoding=b"gzip", target=b"/predict")])

    assert [(each["protocol"], each["why"]) for each in stage.status()["protocols"]] == [
        ("v1", "the body has instances")
    ]
    assert stage.query(COLUMNS) == [{"name": "in.age"}, {"name": "out.prediction"}]


@pytest.mark.parametrize("first", [b"garbage", b'{"instances": [[1.0', b"[]"])
def test_a_first_body_that_is_odd_does_not_decide_the_protocol_for_ever(tmp_path: Path, first: bytes) -> None:
    stage = Stage(tmp_path)
    sound = [primary(number, {"instances": [{"age": 4}]}, ANSWER, target=b"/predict") for number in range(2, 12)]
    stage.analyse([primary(1, first, b"no", status=400, outcome="error_status", target=b"/predict"), *sound])

    assert [each["protocol"] for each in stage.status()["protocols"]] == ["v1"]


@pytest.mark.parametrize("paths", [1, 300])
def test_a_shadows_answer_is_read_as_the_primarys_is(tmp_path: Path, paths: int) -> None:
    """Its record has no request to tell by, and of paths that clients invent not all are remembered."""
    stage = Stage(tmp_path)
    for number in range(300):
        target = b"/score/%d" % (number % paths)
        asked = {"instances": [{"age": number}]}
        stage.record(
            [
                primary(number, asked, {"predictions": [1.0]}, target=target),
                shadow(number, {"predictions": [1.0 + 1e-9]}, target=target),
            ]
        )
    stage.analyse()

    assert stage.shadow()["agreeing"] == 300


def v2(version: str) -> dict[str, Any]:
    tensor = {"name": "p", "datatype": "FP32", "shape": [1], "data": [0.5]}
    return {"model_name": "m", "model_version": version, "outputs": [tensor]}


ASKED_V2: Body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]}


def test_of_more_paths_than_are_remembered_a_shadow_is_read_as_its_primary(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    exchanges = []
    for number in range(300):
        target = b"/score/%d" % number
        exchanges += [primary(number, ASKED_V2, v2("1"), target=target), shadow(number, v2("2"), target=target)]
    stage.analyse(exchanges)

    assert (stage.shadow()["agreeing"], stage.faults()) == (300, {})


def test_uploads_with_a_boundary_each_leave_room_for_other_paths(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    kinds = [b"multipart/form-data; boundary=b%d" % number for number in range(300)]
    stage.analyse(
        primary(number, b"--upload", {"label": "cat"}, target=b"/classify", request_type=kind)
        for number, kind in enumerate(kinds)
    )
    stage.analyse([primary(301, ASKED_V2, v2("1"), target=b"/score"), shadow(301, v2("2"), target=b"/score")])

    assert {each["path"]: each["protocol"] for each in stage.status()["protocols"]} == {
        "/classify": "torchserve",
        "/score": "v2",
    }
    assert stage.shadow()["agreeing"] == 1


def test_the_paths_that_were_used_last_are_remembered(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    targets = [b"/usual", *(target for number in range(300) for target in (b"/score/%d" % number, b"/usual"))]
    stage.analyse(primary(number, ASKED_V2, v2("1"), target=target) for number, target in enumerate(targets))
    paths = [each["path"] for each in stage.status()["protocols"]]

    assert len(paths) < 300
    assert {"/usual", "/score/299"} <= set(paths)
    assert "/score/0" not in paths


def test_a_shadow_before_any_primary_is_not_compared_by_a_guess(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    exchanges = []
    for number in range(3):
        exchanges.append(shadow(number, v2("2"), target=b"/score"))
        exchanges.append(primary(number, ASKED_V2, v2("1"), target=b"/score"))
    stage.analyse(exchanges)

    assert stage.faults() == {("output", "unknown_protocol"): 1}
    assert (stage.shadow()["agreeing"], stage.shadow()["not_compared"]) == (2, 1)


def test_where_no_request_is_kept_whole_a_shadow_is_read_as_its_primary(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    exchanges = []
    for number in range(2):
        target, kind = b"/images/%d" % number, b"image/png"
        asked = primary(number, b"\x89PNG", {"label": "a"}, target=target, request_type=kind, request_note=BodyNote.CUT)
        answer = b'{"label":  "a"}'
        exchanges += [asked, shadow(number, answer, target=target, request_type=kind)]
    stage.analyse(exchanges)

    assert (stage.shadow()["agreeing"], stage.faults()) == (2, {("input", "cut"): 2})


def test_the_protocol_is_told_again_after_a_restart(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse(pair(1))
    before = stage.status()["protocols"]
    stage.analyse()

    assert before == stage.status()["protocols"]


def test_faults_and_their_notes_survive_a_restart(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse([primary(1, b"odd", ANSWER)])
    before = stage.status()["faults"]
    stage.analyse()
    after = stage.status()["faults"]

    assert before == after
    assert stage.totals().value(catalogue.PAYLOAD_FAULTS) == 1


def compressed(encoding: str, body: bytes) -> Any:
    if encoding == "gzip":
        return gzip.compress(body)
    if encoding == "deflate":
        return zlib.compress(body)
    if encoding == "br":
        return brotli.compress(body)
    return zstandard.compress(body)
