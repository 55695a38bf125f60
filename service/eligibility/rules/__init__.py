"""The criteria as a tree of rules: combinations and a few general kinds of leaf.

Every computed leaf carries the protocol's words that it implements (``quote``). No kind of leaf
belongs to one criterion or one study; which notion, threshold and window it uses is data.
"""

from service.eligibility.rules.base import (
    AllOf,
    AnyOf,
    Bounds,
    Criterion,
    Kind,
    LeafRule,
    Not,
    Rule,
    Same,
)
from service.eligibility.rules.classification import (
    Alternative,
    Classification,
    Item,
    Suspicion,
)
from service.eligibility.rules.measures import (
    ByMethod,
    Correction,
    ElapsedSince,
    Measure,
    Method,
    Pair,
    PairLimits,
    StatedBy,
    UpperLimit,
)
from service.eligibility.rules.person import (
    Age,
    Consented,
    Covered,
    Judgement,
    OtherStudy,
    Sex,
)
from service.eligibility.rules.records import (
    DiagnosedWithin,
    Evidence,
    Exists,
    InEffect,
    Severity,
    State,
)

__all__ = [
    "Age",
    "AllOf",
    "Alternative",
    "AnyOf",
    "Bounds",
    "ByMethod",
    "Classification",
    "Consented",
    "Correction",
    "Covered",
    "Criterion",
    "DiagnosedWithin",
    "ElapsedSince",
    "Evidence",
    "Exists",
    "InEffect",
    "Item",
    "Judgement",
    "Kind",
    "LeafRule",
    "Measure",
    "Method",
    "Not",
    "OtherStudy",
    "Pair",
    "PairLimits",
    "Rule",
    "Same",
    "Severity",
    "Sex",
    "State",
    "StatedBy",
    "Suspicion",
    "UpperLimit",
]
