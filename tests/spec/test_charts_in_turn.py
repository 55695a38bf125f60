"""Charts screened one after another: what a verdict shows is of its own chart, whoever came before."""

from tests.builders import empty_chart, observation, verdict


def test_each_man_s_verdict_names_himself() -> None:
    """That a man is not pregnant rests on his own record, though neither of two has any other."""
    shown = [verdict(empty_chart(gender="male", id=name)).sources("E2") for name in ("jean", "paul")]

    assert shown == [{"Patient/jean"}, {"Patient/paul"}]


def test_who_judges_the_autograft_sees_the_kidney_of_this_chart() -> None:
    """I6 shows a filtration rate after a chart without any record, and nothing in the next such chart."""
    nothing, kidney = empty_chart(), empty_chart().add(observation("98979-8", "25 mL/min/{1.73_m2}", id="rate"))
    shown = [verdict(chart).sources("I6") for chart in (nothing, kidney, nothing)]

    assert shown == [set(), {"Observation/rate"}, set()]
