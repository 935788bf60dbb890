"""What rules found, and where people judged otherwise."""

import sqlite3

from samples import make_trajectory

from simia_tui.model import Fault, Finding, Severity
from simia_tui.store import New, decisions, rulings, trajectories
from simia_tui.store.rulings import Ruling


def put(db: sqlite3.Connection, *findings: Finding) -> int:
    (number,) = db.execute("SELECT count(*) FROM trajectories").fetchone()
    made = make_trajectory(f"case {number}")
    return trajectories.add(db, [New(made, made, findings, kind="episode")]).pks[0]


def found(rule: str, severity: Severity = Severity.ERROR, before: str | None = None) -> Finding:
    return Finding(rule=rule, severity=severity, message="m", repaired=before is not None, before=before)


def test_a_rule_is_overruled_where_a_person_approves_despite_its_error(db: sqlite3.Connection) -> None:
    both, warned, mended, _ = (
        put(db, found("a"), found("b"), found("a")),
        put(db, found("a", Severity.WARNING)),
        put(db, found("a", before="x")),
        put(db, found("a")),
    )
    refused = put(db, found("a"))
    by_rule = put(db, found("a"))
    decisions.decide(db, [both, warned, mended], "approve", "ann")
    decisions.decide(db, [refused], "reject", "ann", Fault.AGENT)
    decisions.decide(db, [by_rule], "approve", "rules")
    assert rulings.rulings(db, "episode") == {
        "a": Ruling(found=6, repaired=1, judged=2, overruled=1),
        "b": Ruling(found=1, repaired=0, judged=1, overruled=1),
    }
    assert list(rulings.rulings(db, "episode")) == ["a", "b"] and rulings.rulings(db, "seed") == {}


def test_what_is_undone_or_decided_anew_counts_as_it_stands(db: sqlite3.Connection) -> None:
    pk = put(db, found("a"))
    decisions.decide(db, [pk], "approve", "ann")
    decisions.undo(db, "ann")
    assert rulings.rulings(db, "episode")["a"] == Ruling(1)
    decisions.decide(db, [pk], "approve", "rules")
    decisions.decide(db, [pk], "reject", "ann", Fault.AGENT)
    assert rulings.rulings(db, "episode")["a"] == Ruling(1, judged=1)


def test_a_rejected_trajectory_without_an_error_was_missed(db: sqlite3.Connection) -> None:
    clean, warned, broken, by_rule = (
        put(db),
        put(db, found("a", Severity.WARNING)),
        put(db, found("a")),
        put(db),
    )
    decisions.decide(db, [clean, warned, broken], "reject", "ann", Fault.AGENT)
    decisions.decide(db, [by_rule], "reject", "rules", Fault.DUPLICATE)
    assert rulings.missed(db, "episode") == 2 and rulings.missed(db, "seed") == 0
