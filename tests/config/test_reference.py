from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from watchtower.config.model import Config
from watchtower.generate import generated, meanings


def sections(kind: inspect.Type) -> set[type[Any]]:
    match kind:
        case inspect.StructType(cls=cls, fields=fields):
            return {cls}.union(*(sections(field.type) for field in fields))
        case inspect.VarTupleType(item_type=item):
            return sections(item)
        case inspect.UnionType(types=types):
            return set[type[Any]]().union(*map(sections, types))
    return set()


SECTIONS = sorted(sections(inspect.type_info(Config)), key=lambda cls: cls.__name__)


@pytest.mark.parametrize("cls", SECTIONS)
def test_each_section_says_what_it_is_for(cls: type[Any]) -> None:
    assert msgspec.Struct.__doc__ != cls.__doc__
    assert cls.__doc__


@pytest.mark.parametrize("cls", SECTIONS)
def test_each_key_says_what_it_means(cls: type[Any]) -> None:
    assert [name for name, meaning in meanings(cls).items() if not meaning] == []


@pytest.mark.parametrize("cls", SECTIONS)
def test_each_key_is_in_the_reference(cls: type[Any]) -> None:
    reference = generated()["docs/configuration-reference.md"]

    assert [name for name in cls.__struct_fields__ if f"| `{name}` |" not in reference] == []


@pytest.mark.parametrize("name", generated())
def test_a_made_file_says_from_what(name: str) -> None:
    is_told = "made by `make generate`" in generated()[name]

    assert is_told is (Path(name).suffix == ".md")
