"""Units: exact factors, the spellings of real charts, and intervals that never decide too much."""

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ucumvert import PintUcumRegistry

from service.eligibility.quantity import Interval, UnitProblem, UnitTable, decimal_text, measurable
from service.study.tables import load_units

UNITS = load_units(Path(__file__).parents[2] / "mappings" / "units.yaml")

# What UCUM cannot convert: amounts to masses, arbitrary units, a body surface that is only an annotation, scores.
BEYOND_UCUM = {
    ("crp", "nmol/L"): Fraction("0.105"),
    ("hemoglobin", "mmol/L"): Fraction("1.6114"),
    ("creatinine", "umol/L"): Fraction("10/884"),
    ("creatinine", "mmol/L"): Fraction("10000/884"),
    ("enzyme", "[IU]/L"): Fraction("1"),
    ("hcg", "U/L"): Fraction("1"),
    ("hcg", "mU/mL"): Fraction("1"),
    ("hcg", "U/mL"): Fraction(1000),
    ("gfr", "mL/min/m2"): Fraction("1.73"),
    ("dlco", "mmol/min/kPa"): Fraction("2.987"),
    ("score", "1"): Fraction("1"),
    ("score", "{score}"): Fraction("1"),
    ("pressure", "kPa"): Fraction("7.50062"),  # rounded by convention; UCUM has more digits
}
ALL_FACTORS = [(name, unit) for name, kind in UNITS.kinds.items() for unit in kind.factors]

numbers = st.decimals(min_value=-1000, max_value=1000, allow_nan=False, places=3)
distances = st.decimals(min_value="0.001", max_value=1000, allow_nan=False, places=3)
comparators = st.sampled_from(["<", "<=", ">", ">="])
operations = st.sampled_from(["lt", "le", "gt", "ge"])


@pytest.fixture(scope="module")
def ucum() -> PintUcumRegistry:
    """An independent opinion."""
    return PintUcumRegistry()


@pytest.mark.parametrize(("kind", "unit"), [pair for pair in ALL_FACTORS if pair not in BEYOND_UCUM])
def test_factor_agrees_with_ucum(ucum: PintUcumRegistry, kind: str, unit: str) -> None:
    """A factor is what an independent UCUM implementation computes."""
    independent = ucum.from_ucum(unit).to(ucum.from_ucum(UNITS.canonical(kind))).magnitude
    assert float(UNITS.factor(kind, unit) or 0) == pytest.approx(independent, rel=1e-12)


@pytest.mark.parametrize(("pair", "factor"), BEYOND_UCUM.items())
def test_factor_that_ucum_cannot_give(pair: tuple[str, str], factor: Fraction) -> None:
    """A factor outside UCUM is the exact one of its published molar mass or convention."""
    assert UNITS.factor(*pair) == factor


@pytest.mark.parametrize(
    ("written", "ucum_unit"),
    [
        ("G/L", "10*9/L"),
        ("G/l", "10*9/L"),
        ("Giga/L", "10*9/L"),
        ("10e9/L", "10*9/L"),
        ("10^9/L", "10*9/L"),
        ("x10E9/L", "10*9/L"),
        ("x10*9/L", "10*9/L"),
        ("K/uL", "10*3/uL"),
        ("K/µL", "10*3/uL"),
        ("10³/\u00b5L", "10*3/uL"),
        ("10³/\u03bcL", "10*3/uL"),
        ("/mm³", "/mm3"),
        ("/nanoliter", "/nL"),
        ("/nanoLiters", "/nL"),
        ("g/L", "g/L"),
        ("g/l", "g/L"),
        ("gm/dL", "g/dL"),
        ("g%", "g/dL"),
        ("g/100 mL", "g/dL"),
        ("gram per deciliter", "g/dL"),
        ("mg/l", "mg/L"),
        ("UI/L", "U/L"),
        ("U/l", "U/L"),
        ("unit per liter", "U/L"),
        ("IU/L", "[IU]/L"),
        ("mUI/mL", "m[IU]/mL"),
        ("\u00b5kat/L", "ukat/L"),
        ("\u00b5mol/l", "umol/L"),
        ("\u03bcmol/L", "umol/L"),
        ("umol/l", "umol/L"),
        ("mL/min/1.73m2", "mL/min/{1.73_m2}"),
        ("mL/min/1.73 m2", "mL/min/{1.73_m2}"),
        ("mL/min/1,73m²", "mL/min/{1.73_m2}"),
        ("mL/min/1.73.m2", "mL/min/{1.73_m2}"),
        ("mL/min/1.73m*2", "mL/min/{1.73_m2}"),
        ("mmHg", "mm[Hg]"),
        ("mm Hg", "mm[Hg]"),
        ("cmHg", "cm[Hg]"),
        ("mL/min/mmHg", "mL/min/mm[Hg]"),
        ("%O2", "%"),
        ("{/100}", "%"),
        ("kg/m²", "kg/m2"),
        ("lb", "[lb_av]"),
        ("lbs", "[lb_av]"),
        ("in", "[in_i]"),
        ("years", "a"),
        ("NOT DEFINED IN SOURCE", None),
        ("mg/kg", None),
        ("", None),
    ],
)
def test_spelling_of_real_charts(written: str, ucum_unit: str | None) -> None:
    """What charts write is read as UCUM; G/L is giga and K/uL thousands; unknown text stays unknown."""
    assert UNITS.resolve(written) == ucum_unit


@pytest.mark.parametrize(
    ("kind", "unit", "code", "expected"),
    [
        ("crp", "mg/dL", "mg/dL", "10"),
        ("crp", None, "mg/dL", "10"),
        ("crp", "mg/dL", None, "10"),
        ("crp", "mg/L", "", "1"),
        ("crp", "NOT DEFINED IN SOURCE", "mg/L", "1"),
        ("crp", "mg/L", "258796002", "1"),
        ("hemoglobin", "gram per deciliter", "g/dL", "1"),
        ("hemoglobin", "g/L", "g/L", "1/10"),
        ("cell_count", "K/uL", "K/uL", "1"),
        ("cell_count", "x10*9/L", "10*9/L", "1"),
        ("enzyme", "UI/L", "[IU]/L", "1"),
        ("gfr", "mL/min", "mL/min/{1.73_m2}", "1"),
        ("pressure", "cmHg", None, "10"),
        ("percent", "1", "1", "100"),
        ("score", None, None, "1"),
        ("score", "{score}", "{score}", "1"),
        ("score", "", " ", "1"),
        ("crp", None, None, UnitProblem.MISSING),
        ("percent", None, None, UnitProblem.MISSING),
        ("crp", "NOT DEFINED IN SOURCE", None, UnitProblem.UNKNOWN),
        ("crp", "G/L", None, UnitProblem.WRONG_DIMENSION),
        ("crp", "mmol/L", "mmol/L", UnitProblem.WRONG_DIMENSION),
        ("dlco", "%", "%", UnitProblem.WRONG_DIMENSION),
        ("score", "%", None, UnitProblem.WRONG_DIMENSION),
        ("creatinine", "mmol/L", "mg/dL", UnitProblem.DISAGREE),
        ("cell_count", "/nanoLiters", "/pL", UnitProblem.DISAGREE),
        ("crp", "mg/L", "ng/mL", UnitProblem.DISAGREE),
        ("percent", "%", "1", UnitProblem.DISAGREE),
    ],
)
def test_unit_and_code_of_a_quantity(
    kind: str, unit: str | None, code: str | None, expected: str | UnitProblem
) -> None:
    """Either of unit and code is enough, both have to agree, and each failure has its name."""
    wanted = expected if isinstance(expected, UnitProblem) else Fraction(expected)
    assert UNITS.to_canonical(kind, unit, code) == wanted
    assert UNITS.to_canonical(kind, unit, code) == wanted  # asked again, from memory


def test_memory_of_spellings_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Units that are free text, each another, do not fill the memory."""
    monkeypatch.setattr("service.eligibility.quantity._REMEMBERED", 2)
    table = UnitTable(UNITS.kinds, {}, {}, [])
    for number in range(10):
        assert table.to_canonical("crp", f"text {number}", None) is UnitProblem.UNKNOWN
        assert len(table._memory) <= 2  # noqa: SLF001 - the bound is what is tested


@given(number=st.decimals(min_value=0, max_value=2000, allow_nan=False), threshold=numbers, op=operations)
def test_equal_quantities_in_different_units_agree(number: Decimal, threshold: Decimal, op: str) -> None:
    """The same concentration written in mg/L or in mg/dL compares alike with every threshold."""
    per_litre, per_decilitre = (UNITS.factor("crp", unit) for unit in ("mg/L", "mg/dL"))
    assert per_litre is not None
    assert per_decilitre is not None
    in_litres = Interval.exact(number).scaled(per_litre)
    in_decilitres = Interval.exact(Fraction(number) / 10).scaled(per_decilitre)
    assert in_litres.compare(op, threshold) == in_decilitres.compare(op, threshold)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("interval", "answers"),  # lt, le, gt, ge 5
    [
        (Interval.exact(4), (True, True, False, False)),
        (Interval.exact(5), (False, True, False, True)),
        (Interval.exact(Decimal("5.0")), (False, True, False, True)),
        (Interval.exact(6), (False, False, True, True)),
        (Interval.from_comparator("<", 5), (True, True, False, False)),
        (Interval.from_comparator("<=", 5), (None, True, False, None)),
        (Interval.from_comparator(">", 5), (False, False, True, True)),
        (Interval.from_comparator(">=", 5), (False, None, None, True)),
        (Interval.from_comparator("<", 6), (None, None, None, None)),
        (Interval.from_comparator(">", 4), (None, None, None, None)),
        (Interval.from_comparator(None, 5), (False, True, False, True)),
        (Interval.between(4, 5), (None, True, False, None)),
        (Interval.between(5, 6), (False, None, None, True)),
        (Interval.between(4, 6), (None, None, None, None)),
    ],
)
def test_comparison_at_the_threshold(interval: Interval, answers: tuple[bool | None, ...]) -> None:
    """An interval decides only where all its values agree; on the bound itself the open end matters."""
    assert (
        interval.compare("lt", 5), interval.compare("le", 5), interval.compare("gt", 5), interval.compare("ge", 5),
    ) == answers  # fmt: skip


@given(limit=numbers, comparator=comparators, op=operations, threshold=numbers, apart=distances)
def test_what_is_decided_holds_for_every_value(
    limit: Decimal, comparator: str, op: str, threshold: Decimal, apart: Decimal
) -> None:
    """If `<limit` is decided, each value that it leaves open gives the same answer by itself."""
    value = limit - apart if comparator in ("<", "<=") else limit + apart
    decided = Interval.from_comparator(comparator, limit).compare(op, threshold)  # type: ignore[arg-type]
    assert decided in (None, Interval.exact(value).compare(op, threshold))  # type: ignore[arg-type]


@given(ends=st.tuples(numbers, numbers).map(sorted), op=operations, threshold=numbers)
def test_undecided_means_that_both_answers_are_possible(ends: list[Decimal], op: str, threshold: Decimal) -> None:
    """A closed interval is undecided exactly when its two ends disagree."""
    low, high = ends
    answers = {Interval.exact(end).compare(op, threshold) for end in ends}  # type: ignore[arg-type]
    decided = Interval.between(low, high).compare(op, threshold)  # type: ignore[arg-type]
    assert decided == (answers.pop() if len(answers) == 1 else None)


def test_outside_the_plausible_range() -> None:
    """Only an interval that has no value inside the range is outside; the ends of the range are inside."""
    assert Interval.exact(52).outside(0, 51)
    assert Interval.exact(Decimal("-0.1")).outside(0, 51)
    assert Interval.from_comparator(">", 51).outside(0, 51)
    assert Interval.from_comparator("<", 0).outside(0, 51)
    assert not Interval.exact(51).outside(0, 51)
    assert not Interval.exact(0).outside(0, 51)
    assert not Interval.from_comparator(">=", 51).outside(0, 51)
    assert not Interval.from_comparator("<", 100).outside(0, 51)


def test_scaling_keeps_ends_open_and_exact() -> None:
    """Conversion moves the bounds by the exact factor and leaves open what was open."""
    assert Interval.from_comparator("<", Decimal("88.4")).scaled(Fraction(10, 884)) == (None, False, Fraction(1), True)
    assert Interval.from_comparator(">", 2).scaled(Fraction(3)) == (Fraction(6), True, None, False)


@pytest.mark.parametrize("factor", [Fraction(0), Fraction(-1)])
def test_scaling_needs_a_factor_above_zero(factor: Fraction) -> None:
    """A factor that would turn the interval round is refused."""
    with pytest.raises(ValueError, match="above zero"):
        Interval.exact(1).scaled(factor)


def test_an_interval_begins_at_its_lower_end() -> None:
    """Ends in the wrong order are a mistake of the caller."""
    with pytest.raises(ValueError, match="lower end"):
        Interval.between(2, 1)


def test_comparators_of_other_versions_are_refused() -> None:
    """`<>` and the like are no comparator of FHIR R4."""
    with pytest.raises(ValueError, match="comparator"):
        Interval.from_comparator("<>", 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1E+101", "1E-101", "1E+999999999"])
def test_numbers_that_no_measurement_has(text: str) -> None:
    """A number that is not finite or absurdly far from 1 is refused before it can fill the memory."""
    with pytest.raises(ValueError, match="not a number"):
        measurable(Decimal(text))


def test_plain_zero_is_a_number() -> None:
    """Zero is a value, with however many decimals, but not with an absurd exponent."""
    assert measurable(Decimal("0.000")) == 0
    assert measurable(Decimal("1E+100")) == 10**100
    assert measurable(Decimal("1E-100")) == Fraction(1, 10**100)


@pytest.mark.parametrize(
    ("number", "places", "text"),
    [
        (Decimal("10.50"), None, "10.5"),
        (Decimal("1E+2"), None, "100"),
        (Decimal("0.000"), None, "0"),
        (Decimal("-0.0"), None, "0"),
        (Decimal("-2.50"), None, "-2.5"),
        (Decimal("0.05"), None, "0.05"),
        (Decimal("12345678901234567890123456789.5"), None, "12345678901234567890123456789.5"),
        (Fraction(1, 8), None, "0.125"),
        (Fraction(1, 2**12), None, "0.000244140625"),
        (Fraction(1, 5**12), None, "0.000000004096"),
        (Fraction(1, 3), None, "0.3333333333"),
        (Fraction(-1, 3), 2, "-0.33"),
        (Fraction(2, 3), 2, "0.67"),
        (Fraction(5, 2), 0, "2"),
        (Decimal("79.96"), 1, "80"),
        (Decimal("-0.04"), 1, "0"),
        (Decimal(100), 1, "100"),
    ],
)
def test_numbers_as_people_write_them(number: Decimal | Fraction, places: int | None, text: str) -> None:
    """No exponent, no trailing zeros, no minus before zero; exact unless places are asked for."""
    assert decimal_text(number, places) == text
