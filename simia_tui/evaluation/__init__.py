"""Measures what the program does against what is known to be true."""

from simia_tui.evaluation.interval import Share, wilson
from simia_tui.evaluation.rules import CATCHES, STRUCTURAL, Case, Defect, KindScore, RuleScore, Scores, catches, score

__all__ = [
    "CATCHES",
    "STRUCTURAL",
    "Case",
    "Defect",
    "KindScore",
    "RuleScore",
    "Scores",
    "Share",
    "catches",
    "score",
    "wilson",
]
