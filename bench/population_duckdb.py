"""The best peer: DuckDB over the same export, typed columns, answering a smaller question.

``python -m bench.population_duckdb FOLDER`` prints how many people there are, and as JSON lines whom the nine-threshold
rule names: a code of systemic sclerosis, 18 to 70 years old, neutrophils, platelets, lymphocytes, haemoglobin, AST, ALT
and filtration rate inside the bounds of the exclusions, and CRP or haemoglobin beyond those of severe disease. The
newest value counts, for 180 days. Units, statuses, references of other shapes and all else are not looked at.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import duckdb

from bench.charts import AS_OF
from bench.population_ill import LABS
from service.eligibility.codes import Role
from service.study.load import default_mappings, load_study

RULE = """
WITH ill AS MATERIALIZED (
    SELECT DISTINCT subject.reference AS who
    FROM read_ndjson($conditions, columns = {
        code: 'STRUCT(coding STRUCT(code VARCHAR)[])', subject: 'STRUCT(reference VARCHAR)'})
    WHERE list_has_any([each.code FOR each IN code.coding], $ssc)
), aged AS MATERIALIZED (
    SELECT 'Patient/' || id AS who
    FROM read_ndjson($patients, columns = {id: 'VARCHAR', birthDate: 'DATE'})
    WHERE 'Patient/' || id IN (FROM ill) AND datesub('year', birthDate, $as_of::DATE) BETWEEN 18 AND 70
), result AS (
    SELECT subject.reference AS who, code.coding[1].code AS lab, effectiveDateTime AS taken,
           valueQuantity."value" AS found, referenceRange[1].high."value" AS upper
    FROM read_ndjson($observations, columns = {
        code: 'STRUCT(coding STRUCT(code VARCHAR)[])', subject: 'STRUCT(reference VARCHAR)',
        effectiveDateTime: 'VARCHAR', valueQuantity: 'STRUCT("value" DOUBLE)',
        referenceRange: 'STRUCT(high STRUCT("value" DOUBLE))[]'})
    WHERE code.coding[1].code IN (SELECT unnest($labs)) AND subject.reference IN (FROM aged)
), newest AS (
    SELECT who, lab, arg_max(found, taken) AS found, arg_max(upper, taken) AS upper
    FROM result
    WHERE datesub('day', taken[:10]::DATE, $as_of::DATE) BETWEEN 0 AND 180
    GROUP BY ALL
), wide AS (
    SELECT who, <columns>
    FROM newest
    GROUP BY who
)
SELECT who
FROM wide
WHERE neutrophils >= 1 AND platelets >= 50 AND lymphocytes >= 0.5 AND hemoglobin >= 8
  AND ast <= 3 * ast_upper AND alt <= 3 * alt_upper AND egfr >= 30 AND (crp > 5 OR hemoglobin < 11)
ORDER BY who
"""


def main() -> None:
    """Ask, and print whom the rule names."""
    folder = Path(sys.argv[1])
    study = load_study(default_mappings())
    labs = {lab: study.lexicon.codes_of(lab, (Role.MATCH,))[0][1] for lab in LABS}
    columns = [f"max(found) FILTER (lab = '{code}') AS {lab}" for lab, code in labs.items()]
    columns += [f"max(upper) FILTER (lab = '{labs[lab]}') AS {lab}_upper" for lab in ("ast", "alt")]
    ssc = [code for _, code in study.lexicon.codes_of("systemic_sclerosis", (Role.MATCH, Role.REVIEW))]
    asked = {"ssc": ssc, "labs": list(labs.values()), "as_of": AS_OF.isoformat()}
    asked |= {f"{kind.lower()}s": str(folder / f"{kind}.*") for kind in ("Condition", "Patient", "Observation")}
    found = duckdb.execute(RULE.replace("<columns>", ", ".join(columns)), asked).fetchall()
    print(json.dumps([who for (who,) in found]))


if __name__ == "__main__":
    main()
