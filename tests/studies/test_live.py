"""That the benchmark runs and prints its figures; the figures are for people."""

import re

import pytest

from detector.commands.cli import main
from studies.live import bench


@pytest.mark.slow
@pytest.mark.usefixtures("released_weights")
@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["age", "--seconds", "2"], r"frame age p50 [\d.]+ ms, p95 [\d.]+ ms: [\d.]+ times detection"),
        (["throughput", "--turns", "1"], r"pipeline [\d.]+ a second, bare network [\d.]+ a second: [\d.]+%"),
        (
            ["soak", "--frames", "60", "--track"],
            r"camera, 60 frames\n.*\nsecond half: \d+ to \d+ MB; threads",
        ),
        (["viewers", "--viewers", "2", "--rounds", "1"], r"[\d.]+ with 2: [\d.]+% in neighbouring turns"),
        (["start", "--rounds", "1"], r"after [\d.]+ to [\d.]+ s; TensorFlow was not imported"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_figures(arguments, printed, capsys):
    main(arguments, command=bench)
    assert re.search(printed, capsys.readouterr().out)
