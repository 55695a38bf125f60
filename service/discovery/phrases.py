"""The words of a report, by language: one table each, so that a twin needs no code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Phrases(NamedTuple):
    """Words and sentences; what stands in braces is filled in."""

    title: str
    dry: str
    # What the run was
    source: str
    sources: Mapping[str, str]
    engine: str
    since: str
    everything: str
    seen: str
    selected: str
    screened: str
    not_permitted: str
    uncoded: str
    uncoded_of: str
    in_samples: str
    # What came of it
    standing: str
    people: str
    status: str
    statuses: Mapping[str, str]
    priority: str
    funnel: str
    funnel_told: str
    criterion: str
    outcomes: Mapping[str, str]  # as the funnel counts them
    counts: str
    # What is new
    new: str
    lost: str
    changed: str
    nobody: str
    patient: str
    before: str
    now: str
    because: str
    reasons: Mapping[str, str]
    # What is to be done
    missing: str
    notion: str
    unlocks: str
    due: str
    day: str
    failed: str
    error: str
    errors: Mapping[str, str]  # what is not here is told as it is coded
    unread: str
    place: str
    coverage: str
    known: str
    local: str
    units: str
    no_unit: str
    nothing_of: str
    # How long it took
    timings: str
    stage: str
    stages: Mapping[str, str]  # as progress calls them
    seconds: str
    in_all: str
    resumed: str
    rate_of_all: str
    rate_of_screening: str
    # Beside the report
    mail_subject: str
    mail: str
    mail_link: str


ENGLISH = Phrases(
    title="Search for {study} of {day}",
    dry="A dry run: no result was posted, and none kept.",
    source="Source",
    sources={"rest": "searches on the FHIR server", "bulk": "Bulk Data export"},
    engine="Engine",
    since="Changes since",
    everything="the beginning",
    seen="People in the source",
    selected="Picked by the entry rule",
    screened="Screened",
    not_permitted="Must not be screened",
    uncoded="Conditions without a code",
    uncoded_of="{conditions} of {of}{samples}: a disease that stands in words only is not found",
    in_samples=" in samples",
    standing="Where people stand",
    people="people",
    status="status",
    statuses={
        "candidate": "candidate",
        "potential-candidate": "potential candidate",
        "ineligible": "ineligible",
        "not-in-source": "not in the source any more",
    },
    priority="priority",
    funnel="Criterion by criterion",
    funnel_told="How many of the {screened} people screened pass each criterion, fail it, or are still open, and why.",
    criterion="criterion",
    outcomes={"pass": "pass", "to_confirm": "to confirm", "missing_data": "missing data", "fail": "fail"},
    counts="{pass} pass, {to_confirm} to confirm, {missing_data} missing data, {fail} fail",
    new="New on the list",
    lost="No longer on the list",
    changed="Changed on the list",
    nobody="Nobody.",
    patient="patient",
    before="before",
    now="now",
    because="because",
    reasons={},
    missing="What is missing most, of people on the list",
    notion="what",
    unlocks="criteria it would decide",
    due="To be screened again within a week",
    day="from",
    failed="Failed; tried again the next time",
    error="why",
    errors={},
    unread="Could not be read",
    place="where",
    coverage="How the source codes things",
    known="known codes",
    local="local codes only",
    units="units not read",
    no_unit="without a unit: {n}",
    nothing_of="No record was found of: {notions}. Where the hospital has such records, their codes lack a mapping.",
    timings="How long it took",
    stage="stage",
    stages={
        "export": "waiting for the export",
        "download": "fetching its files",
        "select": "looking for people",
        "collect": "collecting their records",
        "screen": "screening",
        "report": "making the report",
    },
    seconds="seconds",
    in_all="in all",
    resumed="The run was resumed: this is its last part.",
    rate_of_all="People looked through: {people}, {rate} a second of the whole time.",
    rate_of_screening="People screened: {people}, {rate} a second of the screening.",
    mail_subject="{study}: {new} new, {changed} changed, {lost} no longer listed",
    mail="The search for {study} of {day} is done: {new} new on the list, {changed} changed, {lost} no longer on it.",
    mail_link="Whoever may see it finds it here:",
)

FRENCH = Phrases(
    title="Recherche pour {study} du {day}",
    dry="Essai à blanc : aucun résultat n'a été transmis ni gardé.",
    source="Source",
    sources={"rest": "recherches sur le serveur FHIR", "bulk": "export Bulk Data"},
    engine="Moteur",
    since="Changements depuis",
    everything="le début",
    seen="Personnes dans la source",
    selected="Retenues par la règle d'entrée",
    screened="Examinées",
    not_permitted="Ne doivent pas être examinées",
    uncoded="Diagnostics sans code",
    uncoded_of="{conditions} sur {of}{samples} : une maladie écrite en toutes lettres seulement n'est pas trouvée",
    in_samples=" par sondage",
    standing="Où en sont les personnes",
    people="personnes",
    status="statut",
    statuses={
        "candidate": "candidat",
        "potential-candidate": "candidat possible",
        "ineligible": "non éligible",
        "not-in-source": "n'est plus dans la source",
    },
    priority="priorité",
    funnel="Critère par critère",
    funnel_told="Combien des {screened} personnes examinées satisfont chaque critère, ne le satisfont pas ou restent à "
    "déterminer, et pourquoi.",
    criterion="critère",
    outcomes={
        "pass": "satisfait",
        "to_confirm": "à confirmer",
        "missing_data": "donnée manquante",
        "fail": "non satisfait",
    },
    counts="{pass} satisfait, {to_confirm} à confirmer, {missing_data} donnée manquante, {fail} non satisfait",
    new="Nouveaux sur la liste",
    lost="Sortis de la liste",
    changed="Changés sur la liste",
    nobody="Personne.",
    patient="patient",
    before="avant",
    now="maintenant",
    because="parce que",
    reasons={
        "no-record": "aucune donnée",
        "too-old": "trop ancien",
        "no-usable-value": "pas de valeur utilisable",
        "unit-not-comparable": "unité non comparable",
        "no-reference-range": "pas de limite supérieure de la normale",
        "value-not-decisive": "la valeur ne décide pas",
        "date-not-decisive": "la date ne décide pas",
        "records-disagree": "les données se contredisent",
        "needs-judgement": "une personne doit juger",
        "not-confirmed": "non confirmé",
        "records-incomplete": "données non obtenues",
        "rules-changed": "les règles ont changé",
        "record-gone": "la donnée n'est plus là",
        "time-passed": "le temps a passé",
        "deceased": "décédé",
        "not-deceased": "n'est pas décédé",
    },
    missing="Ce qui manque le plus, parmi les personnes de la liste",
    notion="quoi",
    unlocks="critères que cela déciderait",
    due="À revoir dans la semaine",
    day="à partir du",
    failed="En échec ; repris la prochaine fois",
    error="pourquoi",
    errors={
        "not-permitted": "ne doit pas être examiné",
        "not-posted": "résultat non transmis au serveur",
        "patient-not-found": "n'est plus dans la source",
        "patient-replaced": "dossier remplacé par un autre",
        "patient-unreadable": "dossier illisible",
        "server-refuses": "le serveur refuse",
        "try-later": "le serveur n'était pas disponible",
    },
    unread="N'a pas pu être lu",
    place="où",
    coverage="Comment la source code",
    known="codes connus",
    local="codes locaux seulement",
    units="unités non lues",
    no_unit="sans unité : {n}",
    nothing_of="Aucune donnée n'a été trouvée pour : {notions}. Si l'hôpital a de telles données, "
    "il manque la correspondance de leurs codes.",
    timings="Durée",
    stage="étape",
    stages={
        "export": "attente de l'export",
        "download": "téléchargement de ses fichiers",
        "select": "recherche des personnes",
        "collect": "collecte de leurs données",
        "screen": "examen",
        "report": "rapport",
    },
    seconds="secondes",
    in_all="en tout",
    resumed="La recherche a été reprise : ceci est sa dernière partie.",
    rate_of_all="Personnes passées en revue : {people}, soit {rate} par seconde sur toute la durée.",
    rate_of_screening="Personnes examinées : {people}, soit {rate} par seconde d'examen.",
    mail_subject="{study} : nouveaux {new}, changés {changed}, sortis de la liste {lost}",
    mail="La recherche pour {study} du {day} est terminée. Nouveaux sur la liste : {new} ; changés : {changed} ; "
    "sortis : {lost}.",
    mail_link="Accessible ici aux personnes autorisées :",
)

LANGUAGES: dict[str, Phrases] = {"en": ENGLISH, "fr": FRENCH}
