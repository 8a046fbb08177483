from watchtower.drift.text import described


def shown(*texts: str) -> dict[str, list[float]]:
    return {name: numbers.tolist() for name, numbers in described(texts).items()}


def test_a_text_is_its_length_its_words_and_its_share_beyond_ascii() -> None:
    assert shown("two words") == {"length": [9.0], "words": [2.0], "non_ascii": [0.0]}


def test_greek_is_half_beyond_ascii_and_chinese_two_thirds() -> None:
    assert shown("αβγ", "a", "漢字")["non_ascii"] == [0.0, 0.5, 1 - 2 / 6]


def test_an_empty_text_has_nothing_of_anything() -> None:
    assert shown("") == {"length": [0.0], "words": [0.0], "non_ascii": [0.0]}


def test_a_lone_surrogate_is_no_error() -> None:
    assert shown("\ud800")["non_ascii"] == [1 - 1 / 3]


def test_no_texts_are_no_numbers() -> None:
    assert shown() == {"length": [], "words": [], "non_ascii": []}
