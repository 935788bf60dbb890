"""Scores of what came before there was a column for them."""

from samples import make_trajectory

from simia_tui.store import New, Query, Workspace, trajectories


def test_a_workspace_of_before_has_its_scores_after_it_is_opened(workspace: Workspace) -> None:
    db = workspace.connect()
    bodies = [make_trajectory("a", meta={"reward": 0.75}), make_trajectory("b", meta={"reward": "high"})]
    pks = trajectories.add(db, [New(body, body) for body in bodies]).pks
    db.execute("UPDATE trajectories SET score = NULL")
    db.execute("DELETE FROM _sqlite_migrations WHERE name = '0012_scores'")
    assert trajectories.ids(db, Query.parse("seed", "score:>0.5")).tolist() == []
    db.close()
    again = Workspace.open(workspace.root).connect()
    assert trajectories.ids(again, Query.parse("seed", "score:0.75")).tolist() == pks[:1]
    assert trajectories.ids(again, Query.parse("seed", "has:score")).tolist() == pks[:1]
