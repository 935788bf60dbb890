"""What a domain's tools are known to answer when they refuse."""

import pytest

from simia_tui.checks.catalogue import Catalogue, Refusal

CATALOGUE = Catalogue(
    [
        Refusal("Error: parcel {parcel_id} is not known.", ("track", "redirect")),
        Refusal("The desk is closed (until {hour})"),
    ]
)


@pytest.mark.parametrize(
    ("tool", "text", "known"),
    [
        ("track", "Error: parcel PX-1 is not known", True),
        ("track", '{"error": "no_such_parcel", "message": "Parcel  PX-1 is not\nknown."}', True),
        ("price", "Error: parcel PX-1 is not known", False),
        ("price", "the desk is closed (until nine)", True),
        ("track", "Error: parcel is not known", False),
        ("track", "Error: record is locked", False),
        ("track", "", False),
    ],
)
def test_an_error_is_known_by_its_words_and_its_tool(tool: str, text: str, known: bool) -> None:
    assert CATALOGUE.knows(tool, text) is known


def test_an_empty_catalogue_knows_nothing() -> None:
    assert not Catalogue([]).knows("track", "Error")
