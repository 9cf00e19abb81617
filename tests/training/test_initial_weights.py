from dataclasses import replace

import numpy as np
import pytest

from detector.anchors import AnchorSpec
from detector.any_size import resize_network, resize_spec
from detector.architecture import build_architecture
from detector.backbones import BACKBONES
from detector.classifier_spec import ClassifierSpec
from detector.errors import WeightsError
from detector.labels import COCO_CLASSES
from detector.spec import ModelSpec
from detector.training.config_file import load_config
from detector.training.initial_weights import fit_classes, initial_size, load_initial_weights
from detector.weights import check_weights, load_weights, save_weights
from tests.pretrained.graph_files import graph
from tests.pretrained.imagenet.networks import random_network, slim_tensors, torch_tensors, write_torch
from tests.random_networks import random_weights

SOURCE = ModelSpec(
    "earlier",
    ("cat", "traffic light", "dog", "Red fox"),
    input_hw=(64, 64),
    width_multiplier=0.35,
    card={"licence": "CC0"},
)


@pytest.fixture(scope="module")
def weights():
    return random_weights(SOURCE)


@pytest.fixture
def file(tmp_path, weights):
    save_weights(tmp_path / "earlier.npz", weights, SOURCE)
    return tmp_path / "earlier.npz"


def spec_of(*classes, **changes):
    return replace(SOURCE, name="new", classes=classes, **changes)


def columns(weights, spec):
    """Every class head's kernel and bias with the class columns last: (..., anchors, K + 1)."""
    for number, anchors in enumerate(spec.anchors.per_cell()):
        for variable in ("kernel", "bias"):
            values = weights[f"class_head_{number}/{variable}"]
            yield values.reshape(*values.shape[:-1], anchors, len(spec.classes) + 1)


def rest(weights):
    return {
        key: values
        for key, values in weights.items()
        if not (
            key.startswith("class_head_") and key.endswith(("/bias", "/kernel")) and "depthwise" not in key
        )
    }


def test_columns_follow_their_names(weights):
    spec = spec_of("Dog", "unicorn", "Traffic_Light", "RED  fox")
    fitted = fit_classes(weights, SOURCE, spec, seed=0)
    check_weights(fitted, build_architecture(spec), origin="fitted")
    for old, new in zip(columns(weights, SOURCE), columns(fitted, spec), strict=True):
        # Columns: background, then dog (3 there), traffic light (2) and red fox (4); cat is gone.
        np.testing.assert_array_equal(new[..., [0, 1, 3, 4]], old[..., [0, 3, 2, 4]])
        assert not (new[..., 2, None] == old).all(axis=tuple(range(old.ndim - 1))).any()
    mine, theirs = rest(fitted), rest(weights)
    assert mine.keys() == theirs.keys()
    assert all(mine[key] is theirs[key] or np.array_equal(mine[key], theirs[key]) for key in mine)


def test_new_columns_are_small_and_seeded(weights):
    spec = spec_of("unicorn", "cat", "griffin")
    one, same, other = (fit_classes(weights, SOURCE, spec, seed=seed) for seed in (1, 1, 2))
    heads = [columns(fitted, spec) for fitted in (one, same, other)]
    for first, again, another in zip(*heads, strict=True):
        new = first[..., [1, 3]]
        assert np.isfinite(new).all()
        assert np.abs(new).max() < 10
        np.testing.assert_array_equal(first, again)
        if first.ndim > 2:  # kernels; biases may be a constant
            assert 0 < new.std() < 1
            assert not np.array_equal(new[..., 0], new[..., 1])
            assert not np.array_equal(new, another[..., [1, 3]])
        np.testing.assert_array_equal(first[..., [0, 2]], another[..., [0, 2]])


def test_the_same_classes_change_nothing_and_the_source_is_left_alone(weights):
    before = {key: values.copy() for key, values in weights.items()}
    same = fit_classes(weights, SOURCE, spec_of(*SOURCE.classes), seed=0)
    fit_classes(weights, SOURCE, spec_of("unicorn"), seed=0)
    fit_classes(weights, SOURCE, spec_of(*SOURCE.classes[::-1]), seed=0)
    for key, values in before.items():
        np.testing.assert_array_equal(same[key], values)
        np.testing.assert_array_equal(weights[key], values)


def test_there_and_back_again(weights):
    turned = spec_of(*SOURCE.classes[::-1])
    there = fit_classes(weights, SOURCE, turned, seed=0)
    back = fit_classes(there, turned, SOURCE, seed=0)
    assert not np.array_equal(there["class_head_0/bias"], weights["class_head_0/bias"])
    for key, values in weights.items():
        np.testing.assert_array_equal(back[key], values)


@pytest.mark.parametrize("number", [0, 5])
def test_the_outputs_of_known_classes_stay_the_same(weights, number):
    """Reshaped as the network reshapes it, the head's output for a class is the one that it was."""
    spec = spec_of("unicorn", "dog")
    fitted = fit_classes(weights, SOURCE, spec, seed=0)
    key = f"class_head_{number}"
    rng = np.random.default_rng(number)
    cell = rng.normal(size=(1, weights[f"{key}/kernel"].shape[2])).astype(np.float32)

    def logits(values, classes):
        return (cell @ values[f"{key}/kernel"][0, 0] + values[f"{key}/bias"]).reshape(-1, classes + 1)

    old, new = logits(weights, 4), logits(fitted, 2)
    np.testing.assert_allclose(new[:, [0, 2]], old[:, [0, 3]], rtol=1e-4)


def test_from_a_file(file, weights):
    spec = resize_spec(spec_of("dog", "unicorn", "Cat"), (96, 128))
    start = load_initial_weights(str(file), spec, seed=4)
    expected = fit_classes(resize_network(weights, SOURCE, (96, 128))[0], SOURCE, spec, seed=4)
    assert start.weights.keys() == expected.keys()
    for key, values in expected.items():
        np.testing.assert_array_equal(start.weights[key], values)
    assert start.copied == ("dog", "Cat")
    assert "earlier" in start.origin
    assert start.card == {"licence": "CC0"}


def assert_classes_are_improbable(weights, spec):
    """New class heads answer with background and with next to nothing else, whatever they read."""
    for number, anchors in enumerate(spec.anchors.per_cell()):
        bias = weights[f"class_head_{number}/bias"].reshape(anchors, len(spec.classes) + 1)
        assert not bias[:, 0].any()
        assert 1 / (1 + np.exp(-bias[:, 1:])) == pytest.approx(0.01)


def test_nothing():
    start = load_initial_weights("none", SOURCE, seed=0)
    assert_classes_are_improbable(start.weights, SOURCE)
    assert all(key.startswith("class_head_") for key in start.weights)
    assert start.copied == ()
    assert start.card == {}


@pytest.mark.parametrize(
    ("start", "parts"),
    [
        ("{folder}/absent.npz", ("Cannot read", "absent.npz")),
        ("{folder}/weights.h5", ("weights.h5 is damaged", "Keras 2")),
        (
            "{folder}/weights.txt",
            ("auto, released, imagenet, none, a training run, a .npz file", "weights.txt"),
        ),
        ("relaesed", ("auto, released, imagenet, none, a training run, a .npz file", "relaesed")),
        ("", ("auto, released, imagenet, none, a training run, a .npz file", "''")),
        ("{folder}/damaged.npz", ("damaged.npz", "not a weights file")),
        ("{folder}", ("auto, released, imagenet, none, a training run, a .npz file",)),
    ],
)
def test_what_is_no_start_is_named(start, parts, tmp_path):
    (tmp_path / "damaged.npz").write_bytes(b"PK nonsense")
    (tmp_path / "weights.h5").write_bytes(b"")
    with pytest.raises(WeightsError) as caught:
        load_initial_weights(start.format(folder=tmp_path), SOURCE, seed=0)
    assert_one_line(caught, parts)


def test_a_detector_does_not_start_from_a_classifier(tmp_path):
    spec = ClassifierSpec("birds", ("robin", "wren"), (32, 32), width_multiplier=0.1)
    save_weights(tmp_path / "model.npz", random_weights(spec), spec)
    with pytest.raises(WeightsError) as caught:
        initial_size(load_config(None, [f"training.initial_weights={tmp_path}"]), print)
    assert_one_line(caught, ("training.initial_weights", "a classifier", "train a detector"))


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"width_multiplier": 0.5}, "width multiplier 0.35"),
        ({"anchors": AnchorSpec(min_scale=0.3)}, "anchors"),
    ],
)
def test_weights_of_another_network_are_refused(file, change, part):
    with pytest.raises(WeightsError) as caught:
        load_initial_weights(str(file), replace(SOURCE, **change), seed=0)
    assert_one_line(caught, ("earlier.npz", part, "`imagenet` or `none`"))


def test_weights_of_another_backbone_are_refused_before_anything_is_fetched(file, tmp_path, monkeypatch):
    monkeypatch.setenv("SSDLITE_CACHE", str(tmp_path / "empty"))
    other = load_config(None, ["model.backbone=mobilenet_v1"])
    with pytest.raises(WeightsError) as caught:
        initial_size(other, print)
    assert_one_line(caught, ("The released COCO detector", "set model.backbone=mobilenet_v2", "`imagenet`"))
    other = load_config(None, ["model.backbone=mobilenet_v1", f"training.initial_weights={file}"])
    for attempt in (
        lambda: initial_size(other, print),
        lambda: load_initial_weights(str(file), replace(SOURCE, backbone="mobilenet_v1"), seed=0),
    ):
        with pytest.raises(WeightsError) as caught:
            attempt()
        assert_one_line(caught, ("earlier.npz", "has the backbone mobilenet_v2", "is mobilenet_v1"))


def assert_one_line(caught, parts):
    text = str(caught.value)
    assert all(part in text for part in parts)
    assert "\n" not in text
    assert "AnchorSpec(" not in text  # that is for readers of code
    assert text.endswith(".")


@pytest.mark.slow
def test_the_released_weights_in_another_order_and_with_new_classes(released_weights):
    weights, source = load_weights(released_weights)
    order = np.random.default_rng(0).permutation(len(COCO_CLASSES))
    spec = ModelSpec("new", tuple(COCO_CLASSES[index] for index in order))
    start = load_initial_weights("released", spec, seed=0)
    assert start.copied == spec.classes
    assert start.card["licence"] == "Apache-2.0"
    for old, new in zip(columns(weights, source), columns(start.weights, spec), strict=True):
        np.testing.assert_array_equal(new[..., 0], old[..., 0])
        np.testing.assert_array_equal(new[..., 1:], old[..., 1 + order])
    few = ModelSpec("few", ("raccoon", "Traffic_Light"))
    start = load_initial_weights("released", few, seed=0)
    assert start.copied == ("Traffic_Light",)
    check_weights(start.weights, build_architecture(few), origin="fitted")
    for old, new in zip(columns(weights, source), columns(start.weights, few), strict=True):
        np.testing.assert_array_equal(new[..., [0, 2]], old[..., [0, 10]])  # traffic light is COCO's tenth


@pytest.mark.parametrize("backbone", BACKBONES)
def test_a_classifier_of_imagenet_gives_its_backbone_alone(backbone, tmp_path):
    network = random_network(backbone, 0.5)
    path = tmp_path / "frozen.pb"
    path.write_bytes(graph(slim_tensors(network)))
    spec = spec_of("dog", backbone=backbone, width_multiplier=0.5)
    start = load_initial_weights(str(path), spec, seed=0)
    assert start.copied == ()
    assert network.title in start.origin
    for key, values in network.weights.items():
        np.testing.assert_array_equal(start.weights[key], values)
    missing = build_architecture(spec).weight_shapes.keys() - start.weights.keys()
    assert {key.split("_")[0] for key in missing} == {"extra", "box", "class"}
    assert_classes_are_improbable(start.weights, spec)
    config = load_config(None, [f"model.backbone={backbone}", f"training.initial_weights={path}"])
    assert initial_size(config, print) == (None, None)
    for change, parts in (
        ({"width_multiplier": 1.0}, ("frozen.pb is", "0.5", "set model.width_multiplier=0.5")),
        ({"backbone": next(each for each in BACKBONES if each != backbone)}, ("backbone", backbone)),
    ):
        with pytest.raises(WeightsError) as caught:
            load_initial_weights(str(path), replace(spec, **change), seed=0)
        assert_one_line(caught, parts)


def test_what_differs_in_a_classifier_of_torchvision_is_said(tmp_path):
    (tmp_path / "x.pth").write_bytes(write_torch(torch_tensors(random_network("mobilenet_v2", 0.35))))
    said = []
    load_initial_weights(str(tmp_path / "x.pth"), SOURCE, seed=0, say=said.append)
    assert ["padding" in line for line in said] == [True]
