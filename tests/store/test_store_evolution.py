from watchtower.store.evolution import agree, gathered, settled
from watchtower.store.schemas import Type

TEXT, INTEGER, NUMBER, BOOLEAN, VECTOR = Type.TEXT, Type.INTEGER, Type.NUMBER, Type.BOOLEAN, Type.VECTOR


def test_integers_beside_numbers_are_numbers() -> None:
    assert settled([{"a": INTEGER}, {"a": NUMBER}]) == {"a": NUMBER}


def test_everything_else_that_disagrees_is_text() -> None:
    found = settled([{"a": INTEGER, "b": VECTOR, "c": BOOLEAN}, {"a": BOOLEAN, "b": NUMBER, "c": TEXT}])

    assert found == {"a": TEXT, "b": TEXT, "c": TEXT}


def test_what_is_text_once_stays_text() -> None:
    assert settled([{"a": INTEGER}, {"a": BOOLEAN}, {"a": INTEGER}]) == {"a": TEXT}


def test_columns_keep_the_order_in_which_they_were_met() -> None:
    assert list(settled([{"b": TEXT, "a": TEXT}, {"c": TEXT, "a": TEXT}])) == ["b", "a", "c"]


def test_names_that_differ_in_case_alone_are_one_column() -> None:
    assert settled([{"Age": INTEGER}, {"age": NUMBER}]) == {"Age": NUMBER}


def test_a_column_that_one_of_them_lacks_is_no_disagreement() -> None:
    assert agree({"a": INTEGER}, {"b": NUMBER})


def test_integers_and_numbers_share_a_file() -> None:
    assert agree({"a": INTEGER}, {"a": NUMBER})
    assert agree({"a": NUMBER}, {"a": INTEGER})


def test_numbers_and_texts_do_not_share_a_file() -> None:
    assert not agree({"a": INTEGER}, {"a": TEXT})
    assert not agree({"a": VECTOR}, {"a": NUMBER})


def test_what_agrees_is_gathered_in_as_few_files_as_can_be() -> None:
    several = [{"a": INTEGER}, {"a": TEXT}, {"a": INTEGER, "b": NUMBER}, {"b": TEXT}, {"a": TEXT}]

    assert gathered(several) == [[0, 2], [1, 3, 4]]


def test_columns_that_are_spelled_otherwise_lie_in_other_files() -> None:
    assert not agree({"Age": INTEGER}, {"age": INTEGER})
    assert gathered([{"Age": INTEGER}, {"age": INTEGER}, {"Age": INTEGER, "b": TEXT}]) == [[0, 2], [1]]
