"""The measuring command runs; what it measures is judged by whoever runs it on a quiet machine."""

import pytest

from tests.cockpit_benchmark import Figure, measured

pytestmark = pytest.mark.timeout(150)


@pytest.mark.parametrize("part", ["busy", "quiet", "keys", "paint"])
def test_each_part_gives_figures_within_reason(part: str) -> None:
    figures = {figure.what: figure for figure in measured(part, seconds=1.0, presses=3, runs=1)}
    assert all(0 < figure.value < 10_000 for figure in figures.values())
    assert any(figure.target is not None for figure in figures.values())


def test_a_figure_above_its_target_is_missed() -> None:
    assert Figure("part", "what", 6.0, "%", 6.0).held
    assert not Figure("part", "what", 6.1, "%", 6.0).held
    assert Figure("part", "what", 1000.0, "%").held
