"""The alarm on masked rollouts: it tells a rise from noise."""

import pytest

from simia_tui.model import Metric
from simia_tui.services.training import alarm


def steps(*masked: int, rollouts: int = 64) -> list[Metric]:
    return [
        Metric(step=step, loss=0.0, values={"invalid": float(count), "rollouts": float(rollouts)})
        for step, count in enumerate(masked, 1)
    ]


@pytest.mark.parametrize(
    "quiet",
    [
        [],
        [Metric(step=1, loss=0.5)],
        steps(0, 0, 0, 0, 0, 0),
        steps(1, 0, 1, 0, 1, 0, 1, 1, 1, 0),
        steps(3, 2, 4, 3, 3, 4, 3, 5, 2, 4),
        steps(0, 0, 0, 0, 1, rollouts=8),
    ],
)
def test_few_and_steady_ones_are_no_alarm(quiet: list[Metric]) -> None:
    assert alarm(quiet) is None


@pytest.mark.parametrize("loud", [steps(0, 0, 0, 0, 0, 4, 5, 6, 7, 9), steps(20, 20, 20), steps(*[16] * 20)])
def test_a_rise_and_a_high_level_are(loud: list[Metric]) -> None:
    assert alarm(loud) is not None


def test_the_sentence_has_share_interval_and_what_was_before() -> None:
    found = alarm(steps(0, 0, 0, 0, 0, 8, 8, 8, 8, 8))
    assert found is not None
    assert found.startswith("12% of the rollouts of the last 5 steps are masked (9% to 17%, n 320), 0% before:")
