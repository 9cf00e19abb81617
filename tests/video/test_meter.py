import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.video.meter import Histogram, Meter
from tests.video.conftest import Clock


@given(st.lists(st.floats(1e-4, 100), min_size=1, max_size=200), st.sampled_from([50, 95, 100]))
def test_percentiles_of_the_histogram_are_right_to_a_hundredth(seconds, percent):
    histogram = Histogram()
    for value in seconds:
        histogram.add(value)
    expected = np.percentile(seconds, percent, method="inverted_cdf")
    assert histogram.percentile(percent) == pytest.approx(expected, rel=0.011)


def test_durations_out_of_range_count_at_the_ends():
    histogram = Histogram()
    for value in (0, -1, 1e9):
        histogram.add(value)
    assert histogram.percentile(50) < 1.1e-5
    assert histogram.percentile(100) > 100


def test_nothing_measured_is_nothing():
    assert Histogram().percentile(50) == 0
    stats = Meter().whole()
    assert (stats.frames, stats.fps, stats.age_p95, stats.stages) == (0, 0, None, {})


def test_the_clock_starts_when_the_first_frame_is_taken():
    clock = Clock()
    meter = Meter(clock)
    meter.begin()
    for _ in range(5):
        clock.now += 0.5
        meter.begin()  # the clock runs already
        meter.add_detected(0, "300")
        meter.add_shown(captured_at=clock.now - 0.02)
    for stats in (meter.recent(), meter.whole()):
        assert stats.fps == pytest.approx(2)
        assert stats.seconds == pytest.approx(2.5)
        assert stats.age_p50 == pytest.approx(20, rel=0.011)
        assert stats.age_p95 == pytest.approx(20, rel=0.011)


def test_recent_figures_forget_and_whole_ones_do_not():
    clock = Clock()
    meter = Meter(clock)
    for age in [1.0] * 200 + [0.01] * 200:
        clock.now += 0.1
        meter.add_detected(0, "300")
        meter.add_shown(clock.now - age)
        meter.add_stage("detect", age)
    assert meter.recent().age_p95 == pytest.approx(10, rel=0.011)
    assert meter.whole().age_p95 == pytest.approx(1000, rel=0.011)
    assert meter.recent().stages["detect"] == pytest.approx(10, rel=0.011)
    assert meter.whole().frames == 400


def test_a_pause_is_not_slowness():
    clock = Clock()
    meter = Meter(clock)
    for pause in (0.0, 60.0):
        meter.pause()
        clock.now += pause
        meter.begin()
        for _ in range(10):
            clock.now += 0.1
            meter.add_detected(0, "300")
    assert meter.recent().fps == pytest.approx(10)
    assert meter.whole().fps < 1


def test_frames_that_are_done_at_once_have_a_rate_that_can_be_true():
    clock = Clock()
    meter = Meter(clock)
    meter.begin()
    clock.now += 0.25
    for _ in range(2):  # a processor for each
        meter.add_detected(0, "300")
    for stats in (meter.recent(), meter.whole()):
        assert (stats.seconds, stats.fps) == (0.25, 8)


def test_skipped_frames_are_counted():
    meter = Meter()
    meter.add_detected(0, "300")
    meter.add_detected(3, "300")
    stats = meter.whole()
    assert (stats.frames, stats.shown, stats.skipped) == (2, 0, 3)
    assert set(stats.to_dict()) == {
        "frames", "shown", "skipped", "seconds", "fps", "age_p50_ms", "age_p95_ms", "stages_ms",
        "frames_by_input_size",
    }  # fmt: skip


def test_frames_are_counted_by_input_size() -> None:
    meter = Meter(Clock())
    for size in ("300", "300", "300,512", "300"):
        meter.add_detected(0, size)
    assert meter.whole().input_sizes == meter.recent().input_sizes == {"300": 3, "300,512": 1}
    assert meter.whole().to_dict()["frames_by_input_size"] == {"300": 3, "300,512": 1}
