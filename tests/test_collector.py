"""The collector is as it was when the last has left."""

import gc

from simia_tui.collector import rest, settle, spared


def test_the_collector_is_put_back_by_the_last_to_leave() -> None:
    before = gc.get_threshold()
    first, second = spared(), spared()
    first.__enter__()
    assert gc.get_threshold()[0] > before[0] and gc.get_freeze_count() > 0
    second.__enter__()
    first.__exit__(None, None, None)
    assert gc.get_threshold()[0] > before[0]
    second.__exit__(None, None, None)
    assert gc.get_threshold() == before and gc.get_freeze_count() == 0


def test_what_was_made_while_it_rested_is_set_apart() -> None:
    rest()
    assert not gc.isenabled()
    settle()
    assert gc.isenabled() and gc.get_freeze_count() > 0
    gc.unfreeze()
