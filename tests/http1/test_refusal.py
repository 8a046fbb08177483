import pytest

from watchtower.http1.refusal import ANSWERS, Refusal, problem


@pytest.mark.parametrize("refusal", Refusal)
def test_every_refusal_has_a_status_and_a_sentence(refusal: Refusal) -> None:
    status, sentence = ANSWERS[refusal]

    assert (400 <= status < 600, sentence.endswith(".")) == (True, True)


@pytest.mark.parametrize("refusal", [each for each in Refusal if ANSWERS[each][0] == 503])
def test_who_is_turned_away_is_told_when_to_come_back(refusal: Refusal) -> None:
    assert b"\r\nRetry-After: 1\r\n" in problem(refusal, b"r1", close=False)


def test_a_problem_without_its_body_still_announces_it() -> None:
    whole = problem(Refusal.NO_ENDPOINT, b"r1", close=False)

    assert (
        problem(Refusal.NO_ENDPOINT, b"r1", close=False, bodiless=True) == whole.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    )
