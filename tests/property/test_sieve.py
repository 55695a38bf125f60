"""Hostile but legal NDJSON: the sieve finds whom parsing everything finds, with the same documents to the byte."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from service.population.reading import named_in
from service.screening.patient import Screener
from tests.sieve import naive, sieved
from tests.verdicts import shipped_reader, shipped_study

Resource = dict[str, Any]

WHO, SNOMED, LOINC = "http://hl7.org/fhir/sid/icd-10", "http://snomed.info/sct", "http://loinc.org"
OURS = "https://trial-screening.example/fhir/CodeSystem/ssc"
PEOPLE = (
    *("a", "ab", "abc", "1", "12", "123", "1234567", "12345678", "patient-0001", "patient-00012", "M34"),
    "0b8a5d1e-1111-4222-8333-444455556666",
    "0b8a5d1e-1111-4222-8333-444455556667",
)
CODES = (
    *(
        (WHO, code)
        for code in ("M34.0", "m34.1", " M34.8\t", "M 34.9", "M3.40", "†M34 . 0", "M34.8†", "M\u00a034", "M.34")
    ),
    *((WHO, code) for code in ("I73.0", "i73.0 ", "J84.1", "L94.3", "E11.9", "I10", "Z99", "m3", "xM34.0", "M..34.0")),
    *((SNOMED, code) for code in ("128460000", " 128460000", "\t89155008\n", "38341003", "1284600001", "9128460000")),
    ("http: //snomed.info/sct", "298285004"),
    *((LOINC, code) for code in ("8068-9", "18068-9", "777-3")),
    *(
        (OURS, code)
        for code in ("mrss-total", "acr-eular-2013-total", "digital-tip-ulcer", "telangiectasia", "raynaud")
    ),
    ("http://hl7.org/fhir/sid/icd-9-cm", "710.1"),
    ("http://hl7.org/fhir/sid/icd-9-cm", "7101"),
    (WHO, "517.2"),
)


@cache
def screener() -> Screener:
    """Return what screens, loaded once."""
    return Screener(shipped_study(), shipped_reader())


@st.composite
def references(draw: st.DrawFn, name: str) -> Resource:
    """A reference to a person in one of its shapes."""
    shapes = (
        "Patient/{}",
        "https://h.example/fhir/Patient/{}",
        "Patient/{}/_history/2",
        " Patient/{} ",
        "\tPatient/{}",
    )
    return {"reference": draw(st.sampled_from(shapes)).format(name)}


@st.composite
def records(draw: st.DrawFn, number: int) -> Resource:
    """A record of somebody, or one that is nobody's."""
    name = draw(st.sampled_from(PEOPLE))
    system, code = draw(st.sampled_from(CODES))
    id_, subject, other = (
        f"r{number}",
        draw(references(name)),
        {"reference": f"Patient/{draw(st.sampled_from(PEOPLE))}"},
    )
    concept = {"coding": [{"system": system, "code": code, "display": "</div> \u00e9\u20ac\U0001f600"}]}
    study = {"reference": draw(st.sampled_from(["ResearchStudy/ours", "ResearchStudy/theirs", "ResearchStudy/gone"]))}
    ours = next(iter(shipped_study().record.identifiers.values()))
    kinds: list[Resource] = [
        {"resourceType": "Condition", "asserter": other, "subject": subject, "code": concept},
        {"resourceType": "Observation", "performer": [other], "subject": subject, "code": concept, "status": "final",
         "valueQuantity": {"value": 12, "unit": "1"}, "effectiveDateTime": "2026-11-01"},
        {"resourceType": "Observation", "subject": subject, "code": {"text": "a"}, "status": "final",
         "component": [{"code": concept, "valueString": "517.2"}]},
        {"resourceType": "ResearchSubject", "individual": subject, "study": study, "status": "candidate"},
        {"resourceType": "MedicationRequest", "subject": subject, "medicationReference": {"reference": "Medication/m"}},
        {"resourceType": "Medication", "id": "m", "code": {"text": "x"}},
        {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "incomplete"}]},
        {"resourceType": "Provenance", "target": [{"reference": f"ResearchSubject/r{number - 1}"}], "agent": []},
        {"resourceType": "Provenance", "target": [{"reference": f"Patient/{name}"}], "agent": []},
        {"resourceType": "ResearchStudy", "id": "ours", "identifier": [{"value": ours}]},
        {"resourceType": "ResearchStudy", "id": "theirs", "identifier": [{"value": "NCT00000000"}]},
        {"resourceType": "Organization", "name": f"Patient/{name}"},
        {"resourceType": "Bundle", "type": "collection", "entry": [
            {"fullUrl": f"urn:uuid:{name}", "resource": {"resourceType": "Patient", "gender": "female"}},
            {"fullUrl": "urn:uuid:c", "resource": {"resourceType": "Condition", "code": concept,
             "subject": {"reference": f"urn:uuid:{name}"}}},
        ]},
    ]  # fmt: skip
    return {"id": id_} | draw(st.sampled_from(3 * kinds[:2] + kinds))


@st.composite
def written(draw: st.DrawFn, value: Any) -> bytes:
    """JSON with escapes, blanks and keys in an order as a server may write it."""
    style = draw(st.sampled_from(["plain", "usual", "odd"]))
    if style == "plain":
        return json.dumps(value, separators=(",", ":"), ensure_ascii=draw(st.booleans())).encode()
    if style == "usual":
        return json.dumps(value).replace("/", draw(st.sampled_from(["/", "\\/"]))).encode()
    random = draw(st.randoms(use_true_random=False))

    def text(said: str) -> str:
        escaped = json.dumps(said, ensure_ascii=False)[1:-1]
        forms = []
        for each in escaped if "\\" not in escaped else (escaped,):
            number = "".join(random.choice([f"\\u{ord(each):04x}", f"\\u{ord(each):04X}"])) if len(each) == 1 else each
            forms.append(number if len(each) == 1 and ord(each) < 0x10000 and random.random() < 0.05 else each)
        return f'"{"".join(forms)}"'

    def blank() -> str:
        return random.choice(["", "", "", " ", "\t", "  ", "\r"])

    def one(part: Any) -> str:
        if isinstance(part, dict):
            items = list(part.items())
            random.shuffle(items)
            inner = ",".join(f"{blank()}{text(key)}{blank()}:{blank()}{one(each)}{blank()}" for key, each in items)
            return "{" + inner + blank() + "}"
        if isinstance(part, list):
            return "[" + ",".join(f"{blank()}{one(each)}{blank()}" for each in part) + "]"
        return text(part) if isinstance(part, str) else json.dumps(part)

    return one(value).encode()


@st.composite
def exports(draw: st.DrawFn) -> dict[str, bytes]:
    """The files of an export."""
    people = draw(st.lists(st.sampled_from(PEOPLE), unique=True, min_size=1))
    resources = [
        {"resourceType": "Patient", "id": name, "gender": "female", "birthDate": "1980-01-01"} for name in people
    ]
    resources += [draw(records(number)) for number in range(draw(st.integers(1, 6)))]
    files: dict[str, list[bytes]] = {}
    for each in resources:
        files.setdefault(f"{each['resourceType']}.{draw(st.integers(0, 1))}", []).append(draw(written(each)))
    end = draw(st.sampled_from([b"\n", b"\r\n", b"\n\n", b" \n \t\n"]))
    found = {}
    for name, rows in files.items():
        data = draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + end.join(rows)
        kind = draw(st.sampled_from(["whole", "whole", "no end", "cut"]))
        data = data + end if kind == "whole" else data[: -draw(st.integers(1, 40))] if kind == "cut" else data
        packed = draw(st.sampled_from(["", "", ".gz", ".zst"]))
        pack = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}[packed]
        found[f"{name}.ndjson{packed}"] = pack(data)
        if kind == "cut":
            found[f".cut.{name}"] = data.rpartition(b"\n")[2]
    return found


@given(
    exports(),
    st.sampled_from([64, 150, 1000]),
    st.sampled_from([100, 333, 10_000]),
    st.sets(st.sampled_from(PEOPLE), max_size=1),
)
@settings(max_examples=60)
def test_the_sieve_finds_what_parsing_everything_finds(
    export: dict[str, bytes], block: int, unit: int, names: set[str]
) -> None:
    """Whatever the escapes, blanks, references, files and sizes of blocks; who stands in a broken line may come too."""
    known = {f"Patient/{name}" for name in names}
    with TemporaryDirectory() as parent:
        folder = Path(parent, "export")
        folder.mkdir()
        for name, data in export.items():
            (folder / name).write_bytes(data)
        sizes = {"processes": 1, "sample": 0, "block": block, "unit": unit}

        found = sieved(screener(), folder, Path(parent, "work"), known, **sizes)

        broken = set[str]().union(*(named_in(data) for name, data in export.items() if name.startswith(".cut")))
        expected = naive(screener(), folder, known | (broken & found.documents.keys()))
    assert found == expected
