from dataclasses import replace

import numpy as np
import pytest

from detector.anchors import AnchorSpec, build_anchors
from detector.boxes import xyxy_to_cxcywh

RELEASED_MAPS = [(19, 19), (10, 10), (5, 5), (3, 3), (2, 2), (1, 1)]


def test_anchors_are_those_of_the_official_graph(golden):
    anchors = build_anchors(AnchorSpec(), RELEASED_MAPS, (300, 300))
    difference = np.abs(anchors[:, [1, 0, 3, 2]] - golden["anchors_yxyx"])
    assert difference.max() <= 2e-7


def test_counts():
    # 19*19*3 + (100 + 25 + 9 + 4 + 1) * 6
    assert len(build_anchors(AnchorSpec(), RELEASED_MAPS, (300, 300))) == 1083 + 600 + 150 + 54 + 24 + 6
    # 320: 20*20*3 + (100 + 25 + 9 + 4 + 1) * 6
    assert len(build_anchors(AnchorSpec(), [(20, 20), *RELEASED_MAPS[1:]], (300, 300))) == 1200 + 834


def test_the_first_and_last_by_hand():
    anchors = xyxy_to_cxcywh(build_anchors(AnchorSpec(), RELEASED_MAPS, (300, 300)))
    # Cell (0, 0) of 19: centre 0.5 / 19 = 0.0263; scale .1; then .2 with ratio 2: w .2 * 1.414, h .2 / 1.414
    np.testing.assert_allclose(anchors[0], [0.0263158, 0.0263158, 0.1, 0.1], atol=1e-6)
    np.testing.assert_allclose(anchors[1, 2:], [0.2828427, 0.1414214], atol=1e-6)
    # The second cell is to the right: x = 1.5 / 19
    np.testing.assert_allclose(anchors[3, :2], [0.0789474, 0.0263158], atol=1e-6)
    # The last: a square between .95 and 1: sqrt(.95) = .97468
    np.testing.assert_allclose(anchors[-1], [0.5, 0.5, 0.9746794, 0.9746794], atol=1e-6)


def test_rows_and_columns_are_not_confused():
    spec = AnchorSpec(num_maps=1 + 1)
    anchors = xyxy_to_cxcywh(build_anchors(spec, [(2, 4), (1, 1)], (300, 300)))
    assert sorted(set(anchors[:24, 0].round(4).tolist())) == [0.125, 0.375, 0.625, 0.875]
    assert sorted(set(anchors[:24, 1].round(4).tolist())) == [0.25, 0.75]


@pytest.mark.parametrize(
    "change",
    [
        {"min_scale": 0.25},
        {"max_scale": 0.9},
        {"aspect_ratios": (1.0, 2.0, 0.5, 3.0, 1 / 3)},
        {"first_map": ((0.1, 1.0), (0.2, 2.0), (0.2, 0.4))},
    ],
)
def test_every_parameter_matters(change):
    anchors = build_anchors(AnchorSpec(), RELEASED_MAPS, (300, 300))
    assert not np.array_equal(
        build_anchors(replace(AnchorSpec(), **change), RELEASED_MAPS, (300, 300)), anchors
    )


def test_another_number_of_maps_is_an_error():
    with pytest.raises(ValueError, match="expected 6 feature maps, got 2"):
        build_anchors(AnchorSpec(), [(19, 19), (10, 10)], (300, 300))
