"""What is said on a machine that cannot train."""

import pytest

from simia_tui.errors import SimiaError
from simia_tui.training import check


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "PACKAGES", ("json", "no_such_package_a", "no_such_package_b"))
    assert check.missing() == ["no_such_package_a", "no_such_package_b"]
    with pytest.raises(SimiaError, match=r"no_such_package_a, no_such_package_b.*simia-tui\[train\]"):
        check.require()


def test_nothing_is_said_where_all_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "PACKAGES", ("json",))
    check.require()
    assert check.missing() == []


def test_a_tracker_that_is_not_installed_is_named() -> None:
    check.require_tracker(None)
    with pytest.raises(SimiaError, match="pip install no_such_tracker"):
        check.require_tracker("no_such_tracker")
