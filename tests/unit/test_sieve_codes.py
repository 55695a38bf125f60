"""Every spelling that the lexicon takes for a code is found in the bytes, and absurd ones are no codes."""

import json

import pytest

from service.eligibility.codes import Role
from service.eligibility.entry import COUNTED, entry_of
from service.population import patterns
from service.population.scan import Scanner
from tests.verdicts import shipped_study

WHO, SNOMED, LOINC = "http://hl7.org/fhir/sid/icd-10", "http://snomed.info/sct", "http://loinc.org"
ICD9, OURS = "http://hl7.org/fhir/sid/icd-9-cm", "https://trial-screening.example/fhir/CodeSystem/ssc"

SPELLINGS = [
    *(
        (WHO, code)
        for code in ("M34.0", "m34.0", " M34.0 ", "\tM34.0", "M34 .0", "M 34.0", "M.34.0", "M3.4.0", "M3+40")
    ),
    *((WHO, code) for code in ("M34†", "†M34", "* M34", "M†34.1", "M34.. 1", "M\u00a034", "M\t34", "\u00a0M34\u00a0")),
    *((ICD9, code) for code in ("710.1", "7101", "710 . 1", "7.10.1", " 710.1", "517.2")),
    *((SNOMED, code) for code in ("128460000", " 128460000", "128460000\n", "\r\f128460000")),
    *((LOINC, code) for code in ("8068-9", "\u00a08068-9 ")),
    *((OURS, code) for code in ("mrss-total", " mrss-total", "\nmrss-total")),
]
ABSURD = [
    (WHO, "M..34.0"),
    (WHO, "M .34"),
    (WHO, "ı73.0"),
    (SNOMED, "128 460 000"),
    (LOINC, "8068 -9"),
    (WHO, "M\u200334"),
]


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    """Return what looks for the entry codes of the shipped study."""
    study = shipped_study()
    entry = entry_of(study)
    assert entry is not None
    codes = patterns.of_stems(study.lexicon.stems(entry.concepts, COUNTED))
    return Scanner([patterns.compiled([*codes, *patterns.ESCAPED])])


@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize(("system", "code"), SPELLINGS)
def test_a_spelling_is_a_code_and_is_found(system: str, code: str, ascii_only: bool, scanner: Scanner) -> None:
    """The lexicon knows it, and its bytes as JSON are found."""
    line = json.dumps({"code": code}, ensure_ascii=ascii_only).encode() + b"\n"

    assert {meaning.role for meaning in shipped_study().lexicon.meanings(system, code)} & {Role.MATCH, Role.REVIEW}
    assert scanner.find(memoryview(line))


@pytest.mark.parametrize(("system", "code"), ABSURD)
def test_what_nobody_writes_is_no_code(system: str, code: str) -> None:
    """Blanks inside a number, more than one mark inside a category, and letters that only look alike."""
    assert shipped_study().lexicon.meanings(system, code) == ()


def test_a_sites_own_code_is_found_as_json_may_write_it() -> None:
    """Also with characters that may be escaped."""
    study = shipped_study()
    entry = entry_of(study)
    assert entry is not None
    lexicon = study.lexicon.with_site_codes({}, [("http://h.example/codes", 'SSc/"é&1', "icd10", "M34.0")])
    codes = patterns.of_stems(lexicon.stems(entry.concepts, COUNTED))
    found = Scanner([patterns.compiled([*codes, *patterns.ESCAPED])])

    for written in ('"SSc/\\"é&1"', '"SSc\\/\\"\\u00e9&1"', '"SSc/\\u0022\\u00E9\\u00261"'):
        assert json.loads(written) == 'SSc/"é&1'
        assert found.find(memoryview(b'{"code":' + written.encode() + b"}\n")), written


@pytest.mark.parametrize("code", ["C00", "C50.9", "c97", "B24", "A15.0"])
def test_ranges_begin_as_their_categories_do(code: str) -> None:
    """The stems of a value set that lists ranges find every code inside."""
    lexicon = shipped_study().lexicon
    concepts = {meaning.concept for meaning in lexicon.meanings(WHO, code)}
    stems = patterns.of_stems(lexicon.stems(concepts, list(Role)))

    assert concepts
    assert Scanner([patterns.compiled(stems)]).find(memoryview(f'{{"code":"{code}"}}\n'.encode()))


@pytest.mark.parametrize("begin", ["hospital-of-the-north.permanent-patient-identifier.", "8", ""])
def test_ids_that_begin_alike_are_told_by_their_ends(begin: str) -> None:
    """However long they are the patterns stay short, find each of them and nearly nobody else; so do short ids."""
    ids = [f"{begin}{number:09}" for number in range(0, 600, 2)] + ["7"]
    others = [f"{begin}{number:09}" for number in range(1, 600, 2)] + ["17"]
    people = [f"Patient/{id_}" for id_ in ids]

    for found in (patterns.of_people(people), patterns.of_references(people)):
        scanner = Scanner([patterns.compiled(found)])
        assert max(map(len, found)) < 50
        for all_of, names in ((True, ids), (False, others)):
            lines = [f'{{"subject":{{"reference":"Patient/{id_}"}}}}\n'.encode() for id_ in names]
            hits = {id_ for id_, line in zip(names, lines, strict=True) if scanner.find(memoryview(line))}
            assert hits == (set(names) if all_of else set())
