from statistics import fmean

from watchtower.demo import predict, scorer
from watchtower.demo_traffic import CHARGE, DRIFTED_CHARGE, customers


def test_the_same_seed_sends_the_same_customers() -> None:
    assert list(customers(5, is_drifted=False, seed=1)) == list(customers(5, is_drifted=False, seed=1))


def test_customers_who_have_drifted_pay_more() -> None:
    before, after = (
        fmean(row["monthly_charge"] for row in customers(2000, is_drifted=is_drifted, seed=1))
        for is_drifted in (False, True)
    )

    assert round(after - before) == DRIFTED_CHARGE[0] - CHARGE[0]


def test_the_demos_models_understand_every_customer() -> None:
    rows = list(customers(10, is_drifted=False, seed=1))

    assert len(predict({"instances": rows}, scorer("v1"))["predictions"]) == 10
