import pytest

from detector.architecture import build_architecture
from detector.layers import scale_channels
from detector.spec import ModelSpec


def spec(size=300, classes=80, width=1.0):
    names = tuple(f"class {k}" for k in range(classes))
    return ModelSpec("test", names, input_hw=(size, size), width_multiplier=width)


@pytest.mark.parametrize(
    ("size", "classes", "parameters", "multiply_adds"),
    [
        (300, 90, 4.501e6, 0.750e9),
        (320, 90, 4.501e6, 0.804e9),
        (320, 80, 4.337e6, 0.789e9),
    ],
)
def test_size_is_that_of_the_released_model_and_the_paper(size, classes, parameters, multiply_adds):
    architecture = build_architecture(spec(size, classes))
    assert architecture.trainable_parameters == pytest.approx(parameters, abs=500)
    assert architecture.multiply_adds == pytest.approx(multiply_adds, abs=0.5e6)


def test_taps_and_maps():
    architecture = build_architecture(spec())
    assert architecture.feature_map_sizes_hw == [(19, 19), (10, 10), (5, 5), (3, 3), (2, 2), (1, 1)]
    assert [architecture[name].out_channels for name in architecture.feature_maps] == [
        576, 1280, 512, 256, 256, 128,
    ]  # fmt: skip
    assert architecture["block_13_expand"].relu6
    assert architecture["block_13_expand"].source == "block_12_project"


def test_shortcuts_are_where_shapes_allow_them():
    architecture = build_architecture(spec())
    with_shortcut = [layer.name for layer in architecture.layers if layer.shortcut]
    blocks = (2, 4, 5, 7, 8, 9, 11, 12, 14, 15)
    assert with_shortcut == [f"block_{number}_project" for number in blocks]


@pytest.mark.parametrize(
    ("width", "first", "last", "block_13"),
    [(0.35, 16, 1280, 192), (0.5, 16, 1280, 288), (0.75, 24, 1280, 432), (1.4, 48, 1792, 816)],
)
def test_width_multipliers(width, first, last, block_13):
    # keras.applications.MobileNetV2 has these channels at these alphas.
    architecture = build_architecture(spec(width=width))
    assert architecture["Conv1"].out_channels == first
    assert architecture["Conv_1"].out_channels == last
    assert architecture["block_13_expand"].out_channels == block_13


def test_scale_channels_by_hand():
    # 24 * .35 = 8.4 -> 8; 32 * .35 = 11.2 -> 8 would be more than a tenth less, so 16; 64 * 1.4 = 89.6 -> 88
    assert [scale_channels(24, 0.35), scale_channels(32, 0.35), scale_channels(64, 1.4)] == [8, 16, 88]


@pytest.mark.parametrize("size", [96, 127, 300, 513])
def test_any_size_has_one_output_for_each_anchor(size):
    description = spec(size)
    architecture = build_architecture(description)
    for head, (rows, columns), anchors in zip(
        architecture.box_heads,
        architecture.feature_map_sizes_hw,
        description.anchors.per_cell(),
        strict=True,
    ):
        assert architecture[head].out_hw == (rows, columns)
        assert architecture[head].out_channels == anchors * 4
