from pathlib import Path

from watchtower.store.schemas import ARROW, DUCKDB, SCHEMAS, Type, described

PAGE = Path(__file__).parents[2] / "docs/store.md"


def test_the_documented_tables_are_those_of_the_code() -> None:
    assert PAGE.read_text(encoding="utf-8").endswith(f"\n\n{described().rstrip()}\n")


def test_every_table_says_when_its_rows_happened() -> None:
    found = {
        name: {column.name: column.type for column in schema.columns}[schema.time] for name, schema in SCHEMAS.items()
    }

    assert set(found.values()) == {Type.TIMESTAMP}


def test_no_two_columns_of_a_table_are_one_to_sql() -> None:
    names = {name: [column.name.lower() for column in schema.columns] for name, schema in SCHEMAS.items()}

    assert [name for name, columns in names.items() if len(set(columns)) < len(columns)] == []


def test_every_type_is_known_to_arrow_and_to_duckdb() -> None:
    assert set(ARROW) == set(DUCKDB) == set(Type)
