"""Every backbone, held to what the papers say and to what the rest of the package takes for granted."""

from typing import get_args

import numpy as np
import pytest

from detector.anchors import AnchorSpec
from detector.architecture import build_architecture
from detector.backbones import BACKBONES, DEFAULT_BACKBONE, BackboneName
from detector.layers import LayerBuilder
from detector.spec import ModelSpec

CLASSES = 1001  # of the papers' classifiers: ImageNet's, and a background


def layers_of(name, width=1.0, size=224):
    net = LayerBuilder((size, size))
    BACKBONES[name].add_layers(net, width)
    return net.layers


@pytest.mark.parametrize(
    ("name", "width", "size", "millions"),
    [
        # Sandler et al., 2018, table 4 and the released models' table; Howard et al., 2017, tables 6 and 7
        *[("mobilenet_v2", 1.0, *row) for row in ((224, 300), (192, 221), (160, 154), (128, 99), (96, 56))],
        *[("mobilenet_v1", 1.0, *row) for row in ((224, 569), (192, 418), (160, 290), (128, 186))],
        *[("mobilenet_v1", *row) for row in ((0.75, 224, 325), (0.5, 224, 149), (0.25, 224, 41))],
    ],
)
def test_multiply_adds_are_those_of_the_papers(name, width, size, millions):
    layers = layers_of(name, width, size)
    found = sum(layer.multiply_adds for layer in layers) + layers[-1].out_channels * CLASSES
    assert int(found / 1e6) == millions or round(found / 1e6) == millions


@pytest.mark.parametrize(
    ("name", "parameters", "multiply_adds"), [("mobilenet_v1", 5.1, 1.3), ("mobilenet_v2", 4.3, 0.8)]
)
def test_with_ssdlite_they_are_of_the_size_that_the_paper_says(name, parameters, multiply_adds):
    """Sandler et al., 2018, table 6: at 320, with COCO's 80 classes and a background."""
    spec = ModelSpec("x", tuple(f"{k}" for k in range(80)), input_hw=(320, 320), backbone=name)
    architecture = build_architecture(spec)
    assert round(architecture.trainable_parameters / 1e6, 1) == parameters
    assert round(architecture.multiply_adds / 1e9, 1) == multiply_adds


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("width", [0.25, 0.75, 1.4])
def test_maps_and_depths_lie_where_they_should(name, width):
    backbone, size = BACKBONES[name], 256
    layers = layers_of(name, width, size)
    by_name = {layer.name: layer for layer in layers}
    assert len(by_name) == len(layers)
    assert [size // by_name[each].out_hw[0] for each in backbone.feature_maps] == [16, 32]
    assert all(by_name[each].relu6 for each in backbone.feature_maps)
    assert layers[-1].name == backbone.feature_maps[-1]
    names = list(by_name)
    assert names.index(backbone.much) < names.index(backbone.little)
    assert size // by_name[backbone.little].out_hw[0] == 16
    assert size // by_name[backbone.much].out_hw[0] in (4, 8)
    assert all(layer.batch_norm for layer in layers)


def test_the_words_of_the_config_are_the_backbones():
    assert set(get_args(BackboneName)) == set(BACKBONES)
    assert DEFAULT_BACKBONE == ModelSpec("x", ("a",)).backbone in BACKBONES
    assert all(name == backbone.name for name, backbone in BACKBONES.items())


@pytest.mark.parametrize("name", BACKBONES)
def test_any_size_has_one_output_for_each_anchor(name):
    spec = ModelSpec("x", ("a",), input_hw=(97, 160), backbone=name, anchors=AnchorSpec())
    architecture = build_architecture(spec)
    for head, map_, anchors in zip(
        architecture.box_heads, architecture.feature_maps, spec.anchors.per_cell(), strict=True
    ):
        assert architecture[head].out_hw == architecture[map_].out_hw
        assert architecture[head].out_channels == anchors * 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "keras_name", "width"),
    [("mobilenet_v1", "MobileNet", 0.5), ("mobilenet_v2", "MobileNetV2", 0.35)],
)
def test_layers_and_shapes_are_those_of_keras_applications(name, keras_name, width):
    tf_keras = pytest.importorskip("tf_keras")
    network = getattr(tf_keras.applications, keras_name)(
        (64, 64, 3), alpha=width, include_top=False, weights=None
    )
    theirs = {layer.name: [tuple(each.shape) for each in layer.weights] for layer in network.layers}
    mine = {}
    for layer in layers_of(name, width, 64):
        for key, shape in layer.weight_shapes.items():
            mine.setdefault(key.split("/")[0], []).append(shape)
    assert mine == {each: shapes for each, shapes in theirs.items() if shapes}
    assert sum(np.prod(shape) for shapes in mine.values() for shape in shapes) == network.count_params()
