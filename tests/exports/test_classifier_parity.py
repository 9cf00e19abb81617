"""When an exported classifier may be used."""

import numpy as np
import pytest

from detector.exports.classifier_parity import measure_classifier_parity
from detector.exports.parity import Verdict


def answers(firsts, lead):
    """(N, 3) probabilities whose first classes lead the second by so much."""
    rows = np.full((len(firsts), 3), (1 - lead) / 3, np.float32)
    rows[np.arange(len(firsts)), firsts] += lead
    return rows


def judged(network, export, precision, truth=None, max_drop=None):
    truth = None if truth is None else np.array(truth)
    return measure_classifier_parity(network, export, truth).judge(precision, max_drop)


def test_what_answers_the_same_may_be_used_in_every_precision():
    network = answers([0, 1, 2] * 10, 0.5)
    for precision in ("none", "fp16", "int8"):
        assert judged(network, network, precision).fault is None
        assert judged(network, network, precision, [0, 1, 2] * 10).fault is None


@pytest.mark.parametrize(("precision", "shift", "used"), [("none", 2e-4, True), ("none", 2e-3, False),
                                                          ("fp16", 0.05, True), ("fp16", 0.2, False),
                                                          ("int8", 0.2, True)])  # fmt: skip
def test_probabilities_of_floats_hardly_move_even_where_no_class_changes(precision, shift, used):
    network = answers([0] * 30, 0.8)
    export = network.copy()
    export[3] += [-shift, shift, 0]
    verdict = judged(network, export, precision, [0] * 30)
    assert (verdict.fault is None) == used
    if not used:
        assert "moves a probability" in verdict.fault


def test_without_names_the_share_of_the_same_class_decides():
    network = answers([0] * 100, 0.5)
    for changed, used in ((5, True), (6, False)):
        export = answers([1] * changed + [0] * (100 - changed), 0.5)
        assert (judged(network, export, "int8").fault is None) == used
    assert "94 of the 100 pictures" in judged(network, export, "int8").fault


def test_pictures_that_the_network_is_not_sure_of_may_change_their_class():
    network = np.concatenate([answers([0] * 50, 0.5), answers([0] * 50, 0.1)])
    export = np.concatenate([answers([0] * 50, 0.5), answers([1] * 50, 0.1)])
    parity = measure_classifier_parity(network, export, None)
    assert (parity.sure, parity.same, parity.others_same) == (50, 50, 0)
    assert parity.judge("int8").fault is None


def test_accuracy_decides_where_its_interval_is_on_one_side():
    count = 2000
    truth = [0] * count
    network = answers([0] * count, 0.5)
    slightly = answers([1] * 4 + [0] * (count - 4), 0.5)
    assert judged(network, slightly, "int8", truth) == Verdict(None)
    much = answers([1] * 100 + [0] * (count - 100), 0.5)
    verdict = judged(network, much, "int8", truth)
    assert verdict.note is None
    assert "loses 5.00 points of accuracy" in verdict.fault
    assert judged(network, much, "int8", truth, max_drop=10).fault is None


def test_with_few_pictures_how_many_keep_their_class_decides_and_it_is_said():
    network = answers([0] * 30, 0.5)
    export = answers([1] + [0] * 29, 0.5)
    verdict = judged(network, export, "int8", [0] * 30)
    assert verdict.fault is None  # 29 of 30 are more than 95 %
    assert "cannot be told from so few pictures: how many keep" in verdict.note
    worse = judged(network, answers([1] * 3 + [0] * 27, 0.5), "int8", [0] * 30)
    assert "27 of the 30 pictures" in worse.fault
    assert "--max-ap-drop" in worse.fault


def test_where_the_network_is_sure_of_nothing_accuracy_as_measured_decides():
    network = answers([0] * 30, 0.1)
    verdict = judged(network, answers([1] + [0] * 29, 0.1), "int8", [0] * 30)
    assert "loses 3.33 points of accuracy and may lose 1" in verdict.fault
    assert judged(network, network, "int8", [0] * 30).fault is None


def test_pictures_of_other_classes_are_left_out_of_accuracy():
    network = answers([0, 1, 2, 0], 0.5)
    parity = measure_classifier_parity(network, network, np.array([0, 1, -1, 1]))
    assert parity.accuracy.first.value == pytest.approx(2 / 3)
    assert parity.images == 4


def test_a_model_of_one_class_is_sure_of_everything():
    parity = measure_classifier_parity(np.ones((4, 1)), np.ones((4, 1)), None)
    assert (parity.sure, parity.same) == (4, 4)
