"""Bodies that somebody made to hurt, or by mistake: each is a counted fault or odd values, and its neighbours are unharmed."""

import gzip
import resource
import time
from pathlib import Path

import pytest
from analyst_stage import Stage
from recording import Body, pair, primary, shadow

from watchtower.metrics import catalogue

ANSWER: Body = {"predictions": [1.0]}
TENSOR = b'{"inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 2], "data": [1, 2, 3]}]}'
V2 = b"/v2/models/m/infer"

REFUSED: dict[str, tuple[bytes, str]] = {
    "no_json": (b"<xml/>", "not_json"),
    "nothing_but_space": (b"  \n", "empty"),
    "wrong_shape": (b'{"rows": [1]}', "wrong_shape"),
    "a_list_for_an_object": (b"[1, 2]", "wrong_shape"),
    "ragged_rows": (b'{"instances": [[1, 2], [3]]}', "shape_mismatch"),
    "ten_thousand_columns": (b'{"instances": [[%s]]}' % b",".join([b"1"] * 10_000), "too_wide"),
    "a_thousand_levels": (b'{"instances": [%s1%s]}' % (b"[" * 1000, b"]" * 1000), "too_deep"),
    "a_million_levels": (b"[" * 1_000_000, "too_deep"),
    "bad_utf8": (b'{"instances": [["\xff\xfe"]]}', "bad_utf8"),
    "half_a_document": (b'{"instances": [[1.0', "not_json"),
}
READ: dict[str, bytes] = {
    "nan_and_infinities": b'{"instances": [[NaN, Infinity, -Infinity]]}',
    "beyond_a_double": b'{"instances": [[1e400, -1e400, 1.5]]}',
    "beyond_64_bits": b'{"instances": [[123456789012345678901234567890, 18446744073709551615, -9223372036854775809]]}',
    "duplicate_keys": b'{"instances": [{"a": 1, "a": 2}], "instances": [{"a": 3}]}',
    "half_a_surrogate_pair": b'{"instances": [{"\\ud800": "\\udfff"}]}',
    "a_nul_in_a_name": b'{"instances": [{"a\\u0000b": "c\\u0000d"}]}',
    "an_empty_name": b'{"instances": [{"": 1}]}',
    "names_that_differ_in_case": b'{"instances": [{"age": 1, "AGE": 2, "Age": 3}]}',
    "names_like_our_own": b'{"instances": [{"request_id": 1, "row": 2, "in.x": 3}]}',
    "a_name_that_is_sql": b'{"instances": [{"\\"; DROP TABLE rows; --": 1}]}',
    "mixed_types": b'{"instances": [{"a": 1}, {"a": "x"}, {"a": null}, {"a": true}, {"a": [1]}, {"a": {"b": 1}}]}',
    "no_rows": b'{"instances": []}',
    "a_row_of_nothing": b'{"instances": [{}]}',
}


def neighbours(stage: Stage) -> tuple[int, int]:
    """Pairs that agree, and exchanges in the store."""
    return stage.shadow()["agreeing"], stage.query("SELECT count(*) AS n FROM exchanges")[0]["n"]


@pytest.mark.parametrize("name", REFUSED)
def test_a_request_that_cannot_be_read_is_counted_and_harms_nobody(tmp_path: Path, name: str) -> None:
    body, reason = REFUSED[name]
    stage = Stage(tmp_path)
    stage.analyse(pair(1), [primary(2, body, ANSWER), shadow(2, ANSWER)], pair(3))

    assert stage.faults() == {("input", reason): 1}
    assert stage.totals().value(catalogue.PAYLOAD_FAULTS, reason=reason) == 1
    assert neighbours(stage) == (3, 6)


@pytest.mark.parametrize("name", ["no_json", "nothing_but_space", "wrong_shape", "a_thousand_levels", "bad_utf8"])
def test_an_answer_that_cannot_be_read_is_counted_and_harms_nobody(tmp_path: Path, name: str) -> None:
    body, reason = REFUSED[name]
    stage = Stage(tmp_path)
    stage.analyse(pair(1), [primary(2, {"instances": [[1.0]]}, body), shadow(2, ANSWER)], pair(3))

    assert stage.faults() == {("output", reason): 1}
    assert stage.shadow()["not_compared"] == 1
    assert neighbours(stage) == (2, 6)


@pytest.mark.parametrize("name", READ)
def test_odd_values_are_kept_and_can_be_asked_for(tmp_path: Path, name: str) -> None:
    stage = Stage(tmp_path, {"baseline": {"live": {"rows": 4}}})
    odd = primary(2, READ[name], ANSWER)
    stage.analyse(pair(1), [odd, shadow(2, ANSWER)], pair(3), pair(4), pair(5), [primary(6, READ[name], ANSWER)])
    stage.clock.advance(3600)
    stage.analyse(pair(7, at_s=3600), [primary(8, READ[name], ANSWER, at_s=3600)])

    assert neighbours(stage)[0] == 6
    assert len(stage.query("SELECT * FROM rows WHERE request_id IN ('000002', '000006', '000008')")) >= 3


@pytest.mark.parametrize("name", READ)
def test_odd_answers_wait_for_their_shadow_over_a_restart(tmp_path: Path, name: str) -> None:
    body = READ[name].replace(b"instances", b"predictions")
    stage = Stage(tmp_path)
    stage.analyse([primary(1, {"instances": [[1.0]]}, body)])
    stage.analyse([shadow(1, body)])

    assert stage.shadow()["agreeing"] == 1


def test_odd_answers_of_any_json_wait_for_their_shadow_over_a_restart(tmp_path: Path) -> None:
    body = b'[[{"a": 123456789012345678901234567890, "b": ["\\ud800", NaN, 1e400]}]]'
    stage = Stage(tmp_path, {"protocol": "json"})
    stage.analyse([primary(1, {"x": 1}, body)])
    stage.analyse([shadow(1, body)])

    assert stage.shadow()["agreeing"] == 1


def test_a_column_that_changes_its_type_is_kept_as_both(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    for number, value in enumerate((1, "x", 2.5, True, None, [1.0, 2.0], 2**62)):
        stage.record([primary(number, {"instances": [{"a": value}]}, ANSWER)])
    stage.analyse()

    assert stage.query("SELECT count(*) AS n FROM rows") == [{"n": 7}]
    assert stage.query("""SELECT count("in.a") AS n FROM rows""") == [{"n": 6}]


def test_a_tensor_whose_shape_is_not_its_datas_is_counted(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse([primary(1, TENSOR, {"outputs": []}, target=V2)])

    assert stage.faults()["input", "shape_mismatch"] == 1


@pytest.mark.parametrize(("columns", "rows", "answers"), [(999, 1, 2_000), (1, 100_000, 1)], ids=["asked", "answered"])
def test_sides_that_would_be_filled_up_with_a_million_cells_are_counted(
    tmp_path: Path, columns: int, rows: int, answers: int
) -> None:
    """Rows of both sides stand beside one another: a few kB of 999 columns and of 100,000 answers are a gigabyte."""
    asked: Body = {"instances": [dict.fromkeys(map(str, range(columns)), 1)] * rows}
    answer: Body = {"predictions": [dict.fromkeys("abcdefghijk", 1) if rows > 1 else 1] * answers}
    stage = Stage(tmp_path)
    stage.analyse(pair(1), [primary(2, asked, answer), shadow(2, answer)], pair(3))

    assert stage.faults() == {("input", "too_many_cells"): 1}
    assert stage.query("SELECT rows FROM exchanges WHERE request_id = '000002' AND role = 'primary'") == [
        {"rows": answers}
    ]
    assert neighbours(stage) == (3, 6)


def test_a_broken_encoding_is_counted(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    broken = gzip.compress(b'{"instances": [[1.0]]}')[:-9]
    stage.analyse(
        [primary(1, broken, ANSWER, request_encoding=b"gzip"), primary(2, broken, ANSWER, request_encoding=b"rot13")]
    )

    assert stage.faults() == {("input", "bad_encoding"): 2}


@pytest.mark.slow
def test_bombs_cost_little_time_and_memory(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    bomb = gzip.compress(bytes(1024**3 // 4), 9)
    twice = gzip.compress(bomb, 9)
    stage.record(primary(number, bomb, ANSWER, request_encoding=b"gzip") for number in range(8))
    stage.record([primary(9, twice, ANSWER, request_encoding=b"gzip, gzip")])
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    stage.analyse(pair(10))

    assert time.monotonic() - began < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000
    assert sum(stage.faults().values()) == 9
    assert neighbours(stage) == (1, 11)


@pytest.mark.slow
def test_ever_new_columns_are_bounded_in_what_is_kept_and_shown(tmp_path: Path) -> None:
    stage = Stage(tmp_path, {"baseline": {"live": {"rows": 10}}})
    stage.analyse([each for number in range(12) for each in pair(number)])
    invented = ({f"c{number}-{k}": 1 for k in range(50)} for number in range(100))
    stage.record(primary(100 + number, {"instances": [row]}, ANSWER) for number, row in enumerate(invented))
    began = time.monotonic()
    stage.clock.advance(3600)
    stage.analyse(pair(400, at_s=3500))

    assert time.monotonic() - began < 5
    assert len(stage.document("schema")["columns"]) <= 1100
    assert stage.query("SELECT count(*) AS n FROM (DESCRIBE rows)")[0]["n"] <= 1100
    assert stage.query("""SELECT count(DISTINCT "column") AS n FROM windows""")[0]["n"] <= 220
    assert stage.query("SELECT count(*) AS n FROM rows WHERE role = 'primary'") == [{"n": 113}]
