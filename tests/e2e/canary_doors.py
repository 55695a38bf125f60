"""The doors that the canary goes through: functions that take the ``World``. A new door of the service is one more."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product
from typing import Any

import httpx
import responses

from tests.cds import SERVICE, call, lent, of_today, prefetch
from tests.e2e.canary import BASE, FAMILY, HOSTILE, ID, NUMBER, SECRET, Json, World, chart, outcome
from tests.issuer import ISSUER, Issuer, new_key
from tests.verdicts import as_json

STUDY = "NCT06722105"
SCREENINGS, EVALUATE = "/api/v1/screenings", f"/fhir/ResearchStudy/{STUDY}/$evaluate-eligibility"
RUNS = "/api/v1/discovery-runs"
FHIR = "application/fhir+json"
AS_OF = {"as_of": "2026-11-23"}
TALKATIVE = {
    "X-Request-Id": NUMBER,
    "User-Agent": HOSTILE,
    "Referer": HOSTILE,
    "baggage": HOSTILE,
    "tracestate": HOSTILE,
}

Door = Callable[[World], None]
DOORS: list[tuple[Door, set[str], bool]] = []


def door(*operations: str, guarded: bool = False) -> Callable[[Door], Door]:
    """Add a door that the canary goes through: these operations at least; ``guarded``: tokens are asked for there."""

    def add(function: Door) -> Door:
        DOORS.append((function, set(operations), guarded))
        return function

    return add


@door("screen", "readScreening", "listScreenings")
def records_over_http(world: World) -> None:
    """Judged at once and later, kept, read and listed."""
    body = {"bundle": chart()} | AS_OF
    assert world.post(SCREENINGS, body, **TALKATIVE).json()["patient"] == f"Patient/{ID}"
    later = world.post(SCREENINGS, body, **{"Prefer": "respond-async", "Idempotency-Key": f"{FAMILY}-{NUMBER}"})
    assert world.until_done(later.headers["location"]).json()["patient"] == f"Patient/{ID}"
    assert ID in world.http.get(SCREENINGS, params={"patient": FAMILY}).text


@door()
def a_patient_of_the_hospital(world: World) -> None:
    """Pulled, judged, and not posted: the server refuses with too many words."""
    assert world.post(SCREENINGS, {"patient": ID}).json()["patient"] == f"Patient/{ID}"
    world.hospital(ResearchStudy=httpx.Response(422, json=outcome()))
    assert world.post(SCREENINGS, {"patient": ID, "write_back": True}).status_code == 503


@door("fhirEvaluate", "fhirEvaluation", "fhirMatch")
def fhir_operations(world: World) -> None:
    """Evaluated at once and later, matched."""
    asked = {"resourceType": "Parameters", "parameter": [{"name": "subject", "valueString": ID}]}
    assert ID in world.post(EVALUATE, chart(), FHIR, **TALKATIVE).text
    assert ID in world.post(EVALUATE, asked, FHIR).text
    later = world.post(EVALUATE, asked, FHIR, Prefer="respond-async")
    assert ID in world.until_done(later.headers["content-location"]).text
    assert world.post("/fhir/ResearchStudy/$match", chart(), FHIR).status_code == 200


@door("startRun", "readRun")
def a_search(world: World) -> None:
    """The whole hospital is searched, and its server answers as it answers; the canary is known from before."""
    started = world.post(RUNS, AS_OF, **TALKATIVE, **{"Idempotency-Key": f"{FAMILY}-{NUMBER}"})
    assert started.status_code == httpx.codes.ACCEPTED
    run = world.ended(started.headers["location"])
    assert run["state"] in ("done", "failed")
    for body in ({HOSTILE: 1}, {"study": HOSTILE}, {"source": HOSTILE}, {"limit": HOSTILE}, HOSTILE):
        assert world.post(RUNS, body).is_error
    assert world.post(RUNS, AS_OF, **{"Idempotency-Key": HOSTILE}).is_error
    assert world.http.get(f"{RUNS}/{HOSTILE}").is_error


@door("discoverCdsServices", "callCdsService", "giveCdsFeedback")
def a_card(world: World) -> None:
    """Called with a prefetch that says all, with one that was refused, with nothing, and with a token that is lent."""
    canary = of_today(chart())
    known = call(canary, context={"userId": f"Practitioner/{FAMILY}", "patientId": ID})
    whole = prefetch(canary, world.http.get("/cds-services").json()["services"][0]["prefetch"])
    lacking = whole | {"Observation": outcome()}
    calls = [{"prefetch": whole}, {"prefetch": lacking}, {}, lent(token=SECRET), lent(BASE, SECRET)]
    answers = [world.post(SERVICE, known | members, **TALKATIVE) for members in calls]
    assert [each.status_code for each in answers] == [200, 412, 412, 412, 200]
    feedback = {"card": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea", "outcome": "overridden", "outcomeTimestamp": HOSTILE}
    assert world.post(f"{SERVICE}/feedback", {"feedback": [feedback]}).is_error
    world.post(SERVICE, known, Authorization=f"Bearer {SECRET}.{NUMBER}.{FAMILY}")


@door("notify", "notifyByPut", "notifyOfResource", "notifyOfResourceByPut")
def notifications(world: World) -> None:
    """Told of changes in every form and by strangers; the patient is looked at behind the door."""
    place, canary = "/subscriptions/notifications", chart()["entry"]
    bodies = [
        b"",
        as_json(canary[0]["resource"]),
        as_json(canary[-1]["resource"]),
        as_json(outcome()),
        b"{" + HOSTILE.encode(),
    ]
    told = {"Authorization": f"Bearer {SECRET}", "X-Signature": HOSTILE}
    for path in ("", f"/Patient/{ID}", f"/Observation/{FAMILY}", f"/{FAMILY}/{HOSTILE}"):
        for body, method in product(bodies, ("POST", "PUT")):
            world.post(f"{place}{path}", body, FHIR, method, **told)
    world.settle()


@door()
def bodies_that_cannot_be_used(world: World) -> None:
    """Whatever is wrong with a body, nothing of it is repeated."""
    two = {
        "resourceType": "Bundle",
        "entry": [{"resource": {"resourceType": "Patient", "id": each}} for each in (ID, "b")],
    }
    replaced = chart(link=[{"other": {"reference": "Patient/kept"}, "type": "replaced-by"}])
    bodies: list[Any] = [
        {"bundle": two}, {"bundle": replaced}, {"bundle": {"resourceType": HOSTILE}}, {"bundle": HOSTILE},
        {HOSTILE: 1}, {"patient": HOSTILE}, {"patient": f"{ID}-unknown"}, {"patient": [HOSTILE]},
        {"patient": ID, "study": HOSTILE}, {"patient": ID, "as_of": HOSTILE}, HOSTILE, [HOSTILE], {},
    ]  # fmt: skip
    for body in bodies:
        for path in (SCREENINGS, EVALUATE, "/fhir/ResearchStudy/$match", SERVICE, f"{SERVICE}/feedback"):
            fhir = body.get("bundle", body) if isinstance(body, dict) else body
            assert world.post(
                path, body if path == SCREENINGS else fhir, FHIR if "fhir" in path else "application/json"
            ).is_error
    for parameter in (
        {"name": HOSTILE},
        {"name": "subject", "valueString": HOSTILE},
        {"name": "asOf", "valueDate": HOSTILE},
    ):
        assert world.post(EVALUATE, {"resourceType": "Parameters", "parameter": [parameter]}, FHIR).is_error
    for broken in (b"{" + HOSTILE.encode(), as_json(chart())[:-9], b'{"a": NaN, "' + HOSTILE.encode() + b'": 1}'):
        for path in (SCREENINGS, EVALUATE, SERVICE):
            assert world.post(path, broken, FHIR if "fhir" in path else "application/json").is_error


@door("live", "ready", "keys", "listStudies", "fhirCapabilities", "fhirOperations")
def what_is_about_nobody(world: World) -> None:
    """Asked with a canary in the query and in headers, and answered without."""
    for place in (
        "livez",
        "readyz",
        ".well-known/jwks.json",
        "api/v1/studies",
        "fhir/metadata",
        "fhir/OperationDefinition",
    ):
        answer = world.http.get(f"/{place}", params={"name": FAMILY}, headers=TALKATIVE)
        assert FAMILY not in answer.text


@door("readStudy", "fhirStudy", "fhirOperation")
def addresses_that_are_none(world: World) -> None:
    """Paths, queries, methods and headers are the caller's text."""
    places = (
        f"/{FAMILY}", f"/fhir/Patient/{ID}", f"{SCREENINGS}/{ID}", f"/api/v1/studies/{FAMILY}",
        f"/fhir/evaluations/{ID}", f"/fhir/ResearchStudy/{FAMILY}", f"/fhir/OperationDefinition/{FAMILY}",
        f"/cds-services/{FAMILY}",
        f"{SCREENINGS}?status={FAMILY}", f"{SCREENINGS}?cursor={FAMILY}", f"/fhir/metadata?_format={FAMILY}",
    )  # fmt: skip
    for place in places:
        assert world.http.get(place, headers=TALKATIVE).is_error
    for method in (FAMILY.upper(), "DELETE"):
        assert world.http.request(method, f"{SCREENINGS}?name={FAMILY}").is_error
    assert world.post(SCREENINGS, {"patient": ID}, FAMILY).is_error
    assert world.post(SCREENINGS, {"patient": ID}, **{"Idempotency-Key": HOSTILE}).is_error


FAILURES: list[httpx.Response | Exception] = [
    *(httpx.Response(status, json=outcome()) for status in (400, 401, 403, 404, 410, 422, 429, 500, 503)),
    httpx.Response(200, text=f'{{"resourceType": "Patient", "id": "{ID}", {HOSTILE}'),
    httpx.Response(200, html=f"<p>{HOSTILE}</p>"),
    httpx.Response(200, json=[HOSTILE]),
    httpx.Response(302, headers={"Location": f"https://elsewhere.example/{FAMILY}"}),
    httpx.ConnectError(HOSTILE), httpx.ReadTimeout(HOSTILE), httpx.RemoteProtocolError(HOSTILE),
]  # fmt: skip


@door()
def a_hospital_that_fails(world: World) -> None:
    """However the hospital's server fails, and whatever it says, at every door that asks it."""
    asked = {"resourceType": "Parameters", "parameter": [{"name": "subject", "valueString": ID}]}
    for failure in FAILURES:
        world.down(failure)
        assert world.post(SCREENINGS, {"patient": ID, "write_back": True}).is_error
        assert world.post(EVALUATE, asked, FHIR).is_error
        world.post(SERVICE, call(of_today(chart())) | lent(BASE, SECRET))  # no card, where the budget ends before
        assert world.command("screen", "--patient", ID, "--json").code in {3, 4, 75}
    world.post(SCREENINGS, {"patient": ID}, Prefer="respond-async")
    world.settle()


@door()
def a_search_that_fails(world: World) -> None:
    """Records that are withheld, and a page that leads elsewhere, are told without their words."""
    elsewhere = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": outcome("suppressed")}]}
    links = {"link": [{"relation": "next", "url": f"https://elsewhere.example/{FAMILY}?patient={ID}"}]}
    for answer in (
        elsewhere,
        elsewhere | links,
        httpx.Response(500, json=outcome()),
        httpx.Response(200, text=HOSTILE),
    ):
        world.hospital(Observation=answer)
        world.post(SCREENINGS, {"patient": ID})
        world.command("screen", "--patient", ID, "--json")


@door()
def commands(world: World) -> None:
    """Tables and lines go to stdout, and only what went wrong to stderr, without a name."""
    good = world.file("good.json", as_json(chart()))
    assert ID in world.command("screen", good, "--as-of", "2026-11-23", "--json").out
    assert world.command("screen", good, "--as-of", "2026-11-23").code == 0
    lines = b"".join(as_json(entry["resource"]) + b"\n" for entry in chart()["entry"])
    broken = [
        as_json(chart())[:-9],
        HOSTILE.encode(),
        lines + b"{" + HOSTILE.encode() + b"\n",
        lines.replace(b"Patient/", b""),
    ]
    for number, content in enumerate(broken):
        for suffix in ("json", "ndjson"):
            world.command("screen", world.file(f"{number}.{suffix}", content), "--json")


@door()
def a_service_that_fails(world: World) -> None:
    """The command that has a service judge says what the service says, and not what stands before it says."""
    good, url = world.file("good.json", as_json(chart())), "https://candor.hospital.example"
    answers: list[Json] = [
        {"status": 503, "body": HOSTILE, "headers": {"Retry-After": "600"}},
        *({"status": status, "body": HOSTILE} for status in (307, 403, 500)),
        {"status": 200, "body": HOSTILE, "content_type": "text/html"},
    ]
    for answer in answers:
        with responses.RequestsMock() as service:
            service.post(f"{url}{SCREENINGS}", **answer)
            assert world.command("screen", good, "--service", url, "--json").code in {2, 3, 75}


@door("metrics")
def what_operators_see(world: World) -> None:
    """A job that was set aside is listed with its reason, and a patient is forgotten, without being named."""
    world.hospital(ResearchStudy=httpx.Response(422, json=outcome()))
    world.post(SCREENINGS, {"bundle": chart(), "write_back": True} | AS_OF)
    listed = world.command("jobs", "list", "--json")
    world.heard.append(listed.out)
    world.heard.append(world.http.get("/metrics").text)
    assert [json.loads(line)["state"] for line in listed.out.splitlines()] == ["parked"]
    assert world.command("forget", ID).code == 0


@door(guarded=True)
def tokens_that_are_refused(world: World) -> None:
    """Whatever a token says of its bearer, and whatever the issuer answers, is repeated nowhere."""
    issuer = Issuer()
    other = Issuer([new_key("first")])
    person: Json = {"sub": FAMILY, "name": HOSTILE, "preferred_username": NUMBER}
    issuer.play(world.router)
    assert world.post(SCREENINGS, {"patient": ID}, **issuer.bearer(**person)).status_code == 200
    shown = [
        other.bearer(**person), issuer.bearer(**person, aud=HOSTILE), issuer.bearer(**person, iss=HOSTILE),
        issuer.bearer(**person, exp=1), issuer.bearer(**person, scope=HOSTILE), issuer.bearer(**person, roles=[FAMILY]),
        {"Authorization": f"Bearer {SECRET}.{NUMBER}.{FAMILY}"}, {"Authorization": f"{FAMILY} {SECRET}"}, {},
    ]  # fmt: skip
    for headers in shown:
        for path, body, kind in ((SCREENINGS, {"patient": ID}, "application/json"), (EVALUATE, chart(), FHIR)):
            assert world.post(path, body, kind, **headers).status_code in {401, 403}
        assert world.http.get(f"{SCREENINGS}?name={FAMILY}", headers=headers).is_error


@door(guarded=True)
def an_issuer_that_fails(world: World) -> None:
    """Without its keys nobody is let in, and what it said of the matter stays with us."""
    for failure in (httpx.Response(500, text=HOSTILE), httpx.Response(200, text=HOSTILE), httpx.ConnectError(HOSTILE)):
        world.router.get(url__startswith=ISSUER).mock(side_effect=[failure] * 9)
        assert world.post(SCREENINGS, {"patient": ID}, **Issuer().bearer(sub=FAMILY)).status_code == 503
