"""Baselines' tables as people keep them: files of three kinds, URLs, frames."""

import datetime as dt
import decimal
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.csv  # type: ignore[import-untyped]
import pyarrow.parquet  # type: ignore[import-untyped]
import pytest

from watchtower.baselines import BLOCK, VECTOR_ROWS, BaselineError, keys, load_table
from watchtower.drift.baseline import build
from watchtower.drift.values import Encoded, Values
from watchtower.table import Kind

TABLE = pa.table(
    {
        "age": pa.array([31, None, 50], pa.int32()),
        "income": [1.5, float("nan"), 3.0],
        "city": ["Ulm", None, "Bonn"],
        "member": [True, False, None],
    }
)


def write_parquet(path: Path) -> None:
    pyarrow.parquet.write_table(TABLE, path)


def write_csv(path: Path) -> None:
    with pa.output_stream(str(path)) as stream:  # compressed where the name says so
        stream.write(b"age,income,city,member\n31,1.5,Ulm,true\n,nan,,false\n50,3.0,Bonn,\n")


def write_tsv(path: Path) -> None:
    path.write_text("age\tincome\tcity\tmember\n31\t1.5\tUlm\ttrue\n\tnan\t\tfalse\n50\t3.0\tBonn\t\n")


def write_jsonl(path: Path) -> None:
    path.write_text(
        '{"age":31,"income":1.5,"city":"Ulm","member":true}\n{"member":false}\n{"age":50,"income":3.0,"city":"Bonn"}\n'
    )


FILES: dict[str, Callable[[Path], None]] = {
    "train.parquet": write_parquet,
    "train.csv": write_csv,
    "train.csv.gz": write_csv,
    "train.tsv": write_tsv,
    "train.jsonl": write_jsonl,
}


def cells(source: object) -> dict[str, list[object]]:
    found: dict[str, list[object]] = {}
    for names, columns in load_table(source):
        for name, column in zip(names, columns, strict=True):
            found.setdefault(name, []).extend(column.tolist() if isinstance(column, np.ndarray | Encoded) else column)
    return found


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_read_by_the_end_of_its_name(name: str, tmp_path: Path) -> None:
    FILES[name](tmp_path / name)

    found = build(load_table(tmp_path / name), name="a", source=name, made_at_ns=1)

    assert {column: kind.value for column, kind in found.kinds.items()} == {
        "in.age": "integer", "in.income": "number", "in.city": "category", "in.member": "boolean",
    }  # fmt: skip
    assert [found.profiles.columns[f"in.{column}"].present for column in TABLE.column_names] == [2, 2, 2, 2]


PAD = "x" * 1000
FIRST = BLOCK // len(PAD) + 200  # rows, more than are read at once


def late(path: Path, first: object, last: object) -> Path:
    """A table whose column `a` has another kind of value in its last row than in a first block of rows."""
    if path.suffix == ".csv":
        path.write_text("pad,a\n" + f"{PAD},{first}\n" * FIRST + f"{PAD},{last}\n")
    else:
        rows = [json.dumps({"pad": PAD} | ({} if cell is None else {"a": cell})) for cell in (first, last)]
        path.write_text(f"{rows[0]}\n" * FIRST + f"{rows[1]}\n")
    return path


def ends(path: Path) -> tuple[object, object]:
    """The column's first cell and its last."""
    found = cells(path)["in.a"]
    assert len(found) == FIRST + 1
    return found[0], found[-1]


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("", "hello", (None, "hello")),
        ("", "3", (None, 3)),
        ("0", "0.5", (0.0, 0.5)),
        ("0", "hello", ("0", "hello")),
        ("007", "A7", ("007", "A7")),
        ("true", "", (True, None)),
        ("true", "5", ("true", "5")),
        ("2026-01-01", "2026-01-02T10:00:00", ("2026-01-01T00:00:00.000000Z", "2026-01-02T10:00:00.000000Z")),
        ("0", '"5, or ""6"""', ("0", '5, or "6"')),
    ],
)
def test_a_csv_column_is_what_all_of_its_rows_are(first: str, last: str, expected: object, tmp_path: Path) -> None:
    assert ends(late(tmp_path / "train.csv", first, last)) == expected


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (None, "hello", (None, "hello")),
        (0, 0.5, (0.0, 0.5)),
        ("2026-01-01", "soon", ("2026-01-01", "soon")),
        ([], [1.5], ([], [1.5])),
        ({"b": 1}, {"c": ["2026-01-01"]}, ('{"b": 1, "c": null}', '{"b": null, "c": ["2026-01-01"]}')),
    ],
)
def test_a_column_of_json_lines_is_what_all_of_its_rows_are(
    first: object, last: object, expected: object, tmp_path: Path
) -> None:
    assert ends(late(tmp_path / "train.jsonl", first, last)) == expected


def test_a_column_of_numbers_and_words_in_json_lines_is_named_with_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text('{"a": 5}\n' + f'{{"pad": "{PAD}"}}\n' * FIRST + '{"a": "hello"}\n')

    with pytest.raises(BaselineError, match=r"train.jsonl: a: int64 at first, and string in the lines from \d+ on$"):
        cells(path)


def test_a_line_that_is_no_json_is_said_where_it_is(tmp_path: Path) -> None:
    path = late(tmp_path / "train.jsonl", 5, 6)
    with path.open("a") as file:
        file.write("\n{5}\n")

    with pytest.raises(
        BaselineError, match=r"train.jsonl: in the lines from \d{3,} on: JSON parse error: .* in row \d+"
    ):
        cells(path)


def test_a_last_line_without_an_end_and_blank_ones_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text('\n{"a": 1}\n\n\n{"a": 2}')

    assert cells(path) == {"in.a": [1, 2]}


def test_a_table_that_is_one_line_is_no_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text('{"a": 1}\n[' + '{"a": 1},' * 2_500_000)

    with pytest.raises(BaselineError, match="the line 2 is longer than 16 MiB: each should hold one object"):
        cells(path)


def test_a_country_called_na_is_there(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("country\nNA\nDE\n")

    assert cells(tmp_path / "train.csv") == {"in.country": ["NA", "DE"]}


@pytest.mark.parametrize(("name", "between"), [("train.csv", ","), ("train.tsv", "\t")])
def test_a_text_of_many_lines_is_one_cell_wherever_the_file_is_cut(name: str, between: str, tmp_path: Path) -> None:
    text = f"one\n{between}\n" + "x\n" * 50
    (tmp_path / name).write_text(f"prompt{between}n\n" + "".join(f'"{text}"{between}{n}\n' for n in range(20_000)))
    found = cells(tmp_path / name)

    assert set(found["in.prompt"]) == {text}
    assert found["in.n"] == list(range(20_000))


def test_a_url_is_read_by_arrow_or_by_fsspec(tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    write_parquet(tmp_path / "train.parquet")

    arrows, fsspecs = cells(f"file://{tmp_path}/train.parquet"), cells(f"local://{tmp_path}/train.parquet")

    assert arrows["in.age"] == fsspecs["in.age"] == [31, None, 50]


def test_a_table_and_a_frame_are_read_too() -> None:
    pandas = pytest.importorskip("pandas")

    assert cells(TABLE)["in.city"] == cells(pandas.DataFrame({"city": ["Ulm", None, "Bonn"]}))["in.city"]


def test_null_and_nan_stay_apart() -> None:
    names, columns = next(iter(load_table(TABLE)))
    values = dict(zip(names, columns, strict=True))

    age = Values.of_array(Kind.NUMBER, np.ma.asarray(values["in.age"]))
    income = Values.of_array(Kind.NUMBER, np.ma.asarray(values["in.income"]))

    assert ((age.missing, age.nans), (income.missing, income.nans)) == ((1, 0), (0, 1))


def test_a_table_is_read_anew_each_time() -> None:
    table = load_table(TABLE)

    assert len(list(table)) == len(list(table)) == 1


def test_columns_that_all_say_their_side_keep_it() -> None:
    assert keys(["in.a", "out.b"]) == ["in.a", "out.b"]


def test_other_columns_are_inputs_but_for_those_named() -> None:
    assert keys(["in.a", "b"], outputs=("b",)) == ["in.in.a", "out.b"]


def test_what_json_has_no_type_for_becomes_what_it_would_be_written_as() -> None:
    noon = dt.datetime(2024, 1, 1, 12, tzinfo=dt.UTC)
    table = pa.table(
        {
            "at": [noon, None],
            "day": [noon.date(), None],
            "price": [decimal.Decimal("1.25"), None],
            "word": pa.array(["a", None]).dictionary_encode(),
            "vector": [[1.0, 2.0], None],
            "object": [{"b": 1}, None],
            "bytes": [b"x", None],
        }
    )

    assert cells(table) == {
        "in.at": ["2024-01-01T12:00:00.000000Z", None],
        "in.day": ["2024-01-01T00:00:00.000000Z", None],
        "in.price": [1.25, None],
        "in.word": ["a", None],
        "in.vector": [[1.0, 2.0], None],
        "in.object": ['{"b": 1}', None],
        "in.bytes": ["b'x'", None],
    }


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("train.xlsx", b"", "the name should end in one of .csv"),
        ("train.parquet", b"not parquet", "train.parquet"),
        ("train.csv", b"a,b\n1,2\n1\n", "Row #3: Expected 2 columns"),
        ("train.jsonl", b"[1\n", "JSON"),
        ("train.csv", b"", "Empty CSV"),
        ("train.csv", b"id,age,id\n1,2,3\n", "the column in.id stands twice"),
    ],
)
def test_what_is_no_table_is_the_operators_to_mend(name: str, content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(BaselineError, match=said):
        cells(tmp_path / name)


@pytest.mark.parametrize("source", ["/nowhere/train.parquet", "/nowhere/train.csv", "nosuch://bucket/train.csv"])
def test_what_is_not_there_is_named(source: str) -> None:
    with pytest.raises(BaselineError, match=source):
        cells(source)


def test_what_is_no_table_in_memory_is_refused() -> None:
    with pytest.raises(BaselineError, match="a int is no table"):
        load_table(5)


def test_dates_of_a_table_are_moments_as_clients_send_them(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text("a,when\n" + "".join(f"{day},2026-01-{day:02}T10:00:00Z\n" for day in range(1, 29)))
    found = build(load_table(str(path)), name="a", source="", made_at_ns=1)

    assert found.kinds["in.when"] is Kind.TIMESTAMP


def test_nanoseconds_are_no_reason_to_refuse_a_table() -> None:
    table = pa.table({"at": pa.array([1_700_000_000_123_456_789], pa.timestamp("ns"))})

    assert cells(table) == {"in.at": ["2023-11-14T22:13:20.123456Z"]}


@pytest.mark.parametrize("kind", [pa.list_(pa.float32()), pa.list_(pa.float32(), 8), pa.large_list(pa.float64())])
def test_vectors_are_read_some_rows_at_a_time(tmp_path: Path, kind: pa.DataType) -> None:
    path = tmp_path / "vectors.parquet"
    pa.parquet.write_table(pa.table({"embedding": pa.array([[0.5] * 8] * 3 * VECTOR_ROWS, kind)}), path)
    batches = [len(columns[0]) for _, columns in load_table(path)]

    assert batches == [VECTOR_ROWS] * 3


@pytest.mark.parametrize("name", ["table.csv", "table.jsonl", "table.parquet"])
def test_each_pass_over_a_file_beats_before_and_behind_each_step(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    beats: list[int] = []
    match path.suffix:
        case ".csv":
            path.write_text("age\n" + "1\n" * BLOCK)
        case ".jsonl":
            path.write_text('{"age": 1}\n' * (BLOCK // 8))
        case _:
            pa.parquet.write_table(pa.table({"age": range(120_000)}), path)
    steps = sum(1 for _ in load_table(path, beat=lambda: beats.append(1)))

    of_types = len(beats) - (steps + 1)  # in the pass that finds the columns' types, which Parquet does not need

    assert steps > 1
    assert of_types == 0 if path.suffix == ".parquet" else of_types > 2


def test_a_time_that_python_does_not_have_is_told_as_the_files(tmp_path: Path) -> None:
    path = tmp_path / "times.parquet"
    times = pa.array([[2**60]], pa.list_(pa.timestamp("us")))  # the year 38505
    pa.parquet.write_table(pa.table({"seen": times}), path)

    with pytest.raises(BaselineError, match=r"times\.parquet"):
        list(load_table(path))
