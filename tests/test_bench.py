import json

import pytest

from detector.bench import run_bench, time_interleaved


def test_calls_take_turns():
    order = []
    timings = time_interleaved({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, rounds=3)
    assert order[-6:] == ["a", "b"] * 3
    assert set(timings) == {"a", "b"}
    assert 0 < timings["a"].p50 <= timings["a"].p95


@pytest.mark.slow
def test_the_command_measures_and_writes(released_weights, tmp_path, capsys):
    run_bench(
        model="ssdlite_mobilenet_v2_coco",
        threads=2,
        backends="litert",
        rounds=2,
        dataset=None,
        images=100,
        score_threshold=0.4,
        output=tmp_path / "bench.json",
    )
    printed = capsys.readouterr().out
    assert "litert frame" in printed
    record = json.loads((tmp_path / "bench.json").read_text())
    assert (
        record["milliseconds"]["litert frame"]["p50"] > record["milliseconds"]["litert network"]["p50"] * 0.8
    )
    assert record["throughput"]["evaluation"] > 0
