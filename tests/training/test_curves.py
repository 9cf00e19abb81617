import math
import subprocess
import sys

import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure

from detector.training.curves import _draw_precisions, draw_curves
from detector.training.history import read_series, smooth
from detector.training.measure import ACCURACY
from detector.training.measure import AP as AVERAGE_PRECISION

TRAINING = {"seconds": 1.0, "loss": 3.0, "classification_loss": 2.0, "localization_loss": 1.0}
# Of the lines, in BGR.
AP, AP50, CLASSIFICATION = (0x73, 0x9E, 0x00), (0x00, 0x9F, 0xE6), (0x00, 0x5E, 0xD5)


def records(steps=60, **changes):
    return [{"step": step, **TRAINING, "learning_rate": 0.01, **changes} for step in range(1, steps + 1)]


def draw(history, folder):
    draw_curves(history, folder / "curves.png")
    image = cv2.imread(str(folder / "curves.png"))
    assert image is not None
    assert image.shape[1] > 3 * image.shape[0]
    return image


def count(image, colour):
    return int((image == colour).all(axis=2).sum())


def test_losses_precisions_and_the_best_are_drawn(tmp_path):
    history = records()
    for step, value in ((20, 0.1), (40, 0.3), (60, 0.2)):
        history[step - 1] |= {"AP": value, "AP50": 2 * value}
    image = draw(history, tmp_path)
    for colour in (AP, AP50, CLASSIFICATION):
        assert count(image, colour) > 300
    third = image.shape[1] // 3
    rows, columns = np.nonzero((image[:, third : 2 * third] == AP).all(axis=2))
    # The star of the best AP: at two thirds of the steps the green is tallest, the legend aside.
    lower = rows > image.shape[0] * 0.35
    heights = np.bincount(columns[lower], minlength=third)
    assert heights.argmax() / third == pytest.approx(0.67, abs=0.06)


@pytest.mark.parametrize(("measure", "kept"), [(AVERAGE_PRECISION, 20), (ACCURACY, 40)])
def test_of_equal_ones_the_star_is_on_the_one_that_is_kept(measure, kept):
    axes = Figure().subplots()
    history = [{"step": step, measure.key: value} for step, value in ((10, 0.2), (20, 0.9), (40, 0.9))]
    _draw_precisions(axes, history, best_trial=-1, measure=measure)
    assert axes.get_legend_handles_labels()[1][-1] == f"best {measure.key} 90.0 at step {kept}"


@pytest.mark.parametrize("best", [0.0, 0.003, 0.3, 0.69, 0.7, 0.97, 1.0])
def test_the_axis_of_ap_ends_at_100_at_the_most(best):
    axes = Figure().subplots()
    history = [{"step": step, "AP": best * share, "AP50": best} for step, share in enumerate((0.2, 0.9, 1))]
    _draw_precisions(axes, history, best_trial=-1)
    assert 100 * best <= axes.get_ylim()[1] <= 100
    assert axes.get_ylim()[0] == 0


def test_the_best_ap_of_the_trials_is_a_line_across_and_no_point_of_the_run(tmp_path):
    trials = [{"step": 0, "trial": name, "AP": ap} for name, ap in (("block_13_expand", 0.3), ("none", 0.4))]
    image = draw([*trials, *records()], tmp_path)
    third = image.shape[1] // 3
    _, columns = np.nonzero((image[:, third : 2 * third] == AP).all(axis=2))
    assert np.ptp(columns) > 0.8 * third


def test_without_an_evaluation_there_is_no_line(tmp_path):
    image = draw(records(), tmp_path)
    assert count(image, AP) == 0
    assert count(image, CLASSIFICATION) > 300


@pytest.mark.parametrize(
    "history",
    [
        [],
        records(1),
        [{"step": 0, "AP": 0.0, "AP50": 0.0}],
        [{"step": 5, "AP": -1.0, "AP50": -1.0}],
        records(3, loss=math.nan, learning_rate=0.0),
        records(3, loss=math.inf, AP=None),
        records(2, loss=0.0, classification_loss=0.0, localization_loss=0.0),
    ],
)
def test_little_or_odd_histories_are_drawn(history, tmp_path):
    draw(history, tmp_path)


def test_an_evaluation_may_have_a_record_of_its_own(tmp_path):
    apart = [*records(), {"step": 30, "AP": 0.2, "AP50": 0.4}, {"step": 60, "AP": 0.3, "AP50": 0.5}]
    assert count(draw(apart, tmp_path), AP) > 300


def test_zeros_are_values_and_what_is_no_number_is_none():
    history = [{"step": 1, "AP": 0.0}, {"step": 2}, {"step": 3, "AP": math.nan}, {"step": 4, "AP": 0.5}]
    steps, values = read_series(history, "AP")
    assert steps.tolist() == [1, 4]
    assert values.tolist() == [0, 0.5]


def test_smoothing_keeps_a_constant_and_calms_noise():
    assert smooth(np.full(200, 3.0)).tolist() == pytest.approx([3.0] * 200)
    noise = np.random.default_rng(0).normal(size=500)
    assert smooth(noise).std() < 0.4 * noise.std()
    assert smooth(np.array([1.0, 2.0])).tolist() == [1, 2]


def test_matplotlibs_own_state_is_left_alone(tmp_path):
    code = (
        "import sys; from pathlib import Path; from detector.training.curves import draw_curves\n"
        "assert 'matplotlib' not in sys.modules\n"
        "import matplotlib; keys = ('font.size', 'axes.grid', 'axes.titlesize')\n"
        "before = [matplotlib.rcParams[key] for key in keys]\n"
        "draw_curves([{'step': 1, 'loss': 1.0}], Path(sys.argv[1]))\n"
        "assert [matplotlib.rcParams[key] for key in keys] == before\n"
        "assert 'matplotlib.pyplot' not in sys.modules and 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "new" / "curves.png")], check=True)
    assert (tmp_path / "new" / "curves.png").stat().st_size > 1000
