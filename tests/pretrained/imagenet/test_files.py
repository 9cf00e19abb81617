"""Classifiers of ImageNet in each form, against what was written and against the frameworks themselves."""

import hashlib
import io
import tarfile

import numpy as np
import pytest

from detector.backbones import BACKBONES
from detector.errors import WeightsError
from detector.pretrained.imagenet.files import (
    fetch_imagenet,
    is_imagenet_file,
    published_address,
    read_imagenet,
)
from detector.pretrained.imagenet.torchvision import _DEVIATION, _EPSILON, _MEAN
from detector.spec import ModelSpec
from tests.pretrained.graph_files import graph, node
from tests.pretrained.imagenet.networks import (
    logits,
    random_network,
    slim_tensors,
    torch_tensors,
    write_keras,
    write_torch,
)

every_backbone = pytest.mark.parametrize("backbone", BACKBONES)


def assert_same(found, expected):
    assert (found.backbone, found.width) == (expected.backbone, expected.width)
    assert found.weights.keys() == expected.weights.keys()
    for key, values in expected.weights.items():
        np.testing.assert_array_equal(found.weights[key], values)
    np.testing.assert_array_equal(found.kernel, expected.kernel)
    np.testing.assert_array_equal(found.bias, expected.bias)


def an_image(size=64):
    return np.random.default_rng(3).uniform(-1, 1, (size, size, 3)).astype(np.float32)


@every_backbone
@pytest.mark.parametrize("width", [0.5, 1.0])
def test_a_frozen_graph_of_slim(tmp_path, backbone, width):
    network = random_network(backbone, width)
    path = tmp_path / "frozen.pb"
    path.write_bytes(graph(slim_tensors(network)))
    assert_same(read_imagenet(path), network)
    archive = tmp_path / "mobilenet.tgz"
    with tarfile.open(archive, "w:gz") as file:
        file.add(path, "./mobilenet_frozen.pb")
    assert_same(read_imagenet(archive), network)


def test_the_epsilon_of_a_graph_is_worked_in(tmp_path):
    network = random_network("mobilenet_v1")
    first = "MobilenetV1/MobilenetV1/Conv2d_0/BatchNorm"
    others = [
        node(f"{first}/batchnorm/add/y", "Const", value=np.array(0.1, np.float32)),
        node(
            "MobilenetV1/MobilenetV1/Conv2d_1_depthwise/BatchNorm/FusedBatchNorm",
            "FusedBatchNorm",
            epsilon=0.2,
        ),
    ]
    (tmp_path / "x.pb").write_bytes(graph(slim_tensors(network), *others))
    found = read_imagenet(tmp_path / "x.pb")
    for name, epsilon in (("conv1_bn", 0.1), ("conv_dw_1_bn", 0.2), ("conv_pw_1_bn", 0.001)):
        gamma, variance = (network.weights[f"{name}/{each}"] for each in ("gamma", "moving_variance"))
        mine = found.weights[f"{name}/gamma"] / np.sqrt(variance + 0.001)
        np.testing.assert_allclose(mine, gamma / np.sqrt(variance + epsilon), rtol=1e-5)


@pytest.mark.slow
@every_backbone
def test_a_checkpoint_of_slim_whose_averages_are_what_was_published(tmp_path, backbone):
    from tests.pretrained.test_tf1_checkpoint import write_checkpoint

    network = random_network(backbone)
    tensors = slim_tensors(network)
    averages = {f"{name}/ExponentialMovingAverage": each for name, each in tensors.items()}
    write_checkpoint(tmp_path, {**{name: each + 1 for name, each in tensors.items()}, **averages})
    for name in ("model.ckpt", "model.ckpt.index", "model.ckpt.data-00000-of-00001"):
        assert_same(read_imagenet(tmp_path / name), network)
    with pytest.raises(WeightsError, match="Cannot read"):
        read_imagenet(tmp_path / "other.ckpt")


@every_backbone
def test_a_file_of_keras_whatever_its_layers_are_called(tmp_path, backbone):
    pytest.importorskip("h5py")
    network = random_network(backbone, 0.5)
    (tmp_path / "x.h5").write_bytes(write_keras(network))
    assert_same(read_imagenet(tmp_path / "x.h5"), network)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backbone", "keras_name", "width", "size"),
    [("mobilenet_v1", "MobileNet", 0.25, 128), ("mobilenet_v2", "MobileNetV2", 0.35, 96)],
)
def test_a_file_of_keras_computes_what_keras_computes(tmp_path, backbone, keras_name, width, size):
    tf_keras = pytest.importorskip("tf_keras")
    build = getattr(tf_keras.applications, keras_name)
    theirs = build((size, size, 3), alpha=width, weights=None, classes=9, classifier_activation=None)
    rng = np.random.default_rng(0)
    for layer in theirs.layers:
        if isinstance(layer, tf_keras.layers.BatchNormalization):  # fresh ones are all alike
            layer.set_weights([rng.uniform(0.5, 1.5, value.shape) for value in layer.get_weights()])
    theirs.save_weights(tmp_path / "weights.h5")
    with pytest.warns(UserWarning, match="legacy"):
        theirs.save(tmp_path / "model.h5")
    image = an_image(size)
    expected = np.ravel(theirs(image[None], training=False))
    assert np.std(expected) > 1e-3
    for name in ("weights.h5", "model.h5"):
        found = read_imagenet(tmp_path / name)
        assert (found.backbone, found.width) == (backbone, width)
        np.testing.assert_allclose(logits(found, image), expected, atol=1e-4)
    bare = build((size, size, 3), alpha=width, weights=None, include_top=False)
    bare.save_weights(tmp_path / "no_top.h5")
    assert read_imagenet(tmp_path / "no_top.h5").kernel is None


@pytest.mark.parametrize("legacy", [True, False])
def test_a_file_of_torchvision_computes_the_same_of_its_own_images(tmp_path, legacy):
    network = random_network("mobilenet_v2")
    path = tmp_path / "mobilenet_v2.pth"
    path.write_bytes(write_torch(torch_tensors(network), legacy=legacy))
    found = read_imagenet(path)
    assert (found.backbone, found.width) == ("mobilenet_v2", network.width)
    assert len(found.notes) == 1
    for key, values in network.weights.items():
        if not key.startswith(("Conv1/", "bn_Conv1/")) and not key.endswith("gamma"):
            np.testing.assert_array_equal(found.weights[key], values)
    for name in ("block_5_depthwise_BN", "Conv_1_bn"):
        gamma, variance = (network.weights[f"{name}/{each}"] for each in ("gamma", "moving_variance"))
        mine = found.weights[f"{name}/gamma"] / np.sqrt(variance + 1e-3)
        np.testing.assert_allclose(mine, gamma / np.sqrt(variance + _EPSILON), rtol=1e-5)
    # Inside of the first map, where nothing is padded, the first layer does with images in [-1, 1] what it
    # did with those of torchvision.
    patch = an_image(3).astype(np.float64)
    theirs = ((patch + 1) / 2 - _MEAN) / _DEVIATION
    values = {key: each.astype(np.float64) for key, each in network.weights.items() if "Conv1" in key}
    expected = np.tensordot(theirs, values["Conv1/kernel"], 3) - values["bn_Conv1/moving_mean"]
    expected *= values["bn_Conv1/gamma"] / np.sqrt(values["bn_Conv1/moving_variance"] + _EPSILON)
    mine = {key: each.astype(np.float64) for key, each in found.weights.items() if "Conv1" in key}
    computed = np.tensordot(patch, mine["Conv1/kernel"], 3) - mine["bn_Conv1/moving_mean"]
    computed *= mine["bn_Conv1/gamma"] / np.sqrt(mine["bn_Conv1/moving_variance"] + 1e-3)
    np.testing.assert_allclose(computed, expected, atol=1e-5)


def test_a_published_name_holds_its_file_to_its_digest(tmp_path):
    content = write_torch(torch_tensors(random_network("mobilenet_v2")))
    digest = hashlib.sha256(content).hexdigest()[:8]
    (tmp_path / f"mobilenet_v2-{digest}.pth").write_bytes(content)
    assert read_imagenet(tmp_path / f"mobilenet_v2-{digest}.pth").width == 0.25
    (tmp_path / "mobilenet_v2-b0353104.pth").write_bytes(content)
    with pytest.raises(
        WeightsError, match="not the published file: its SHA-256 does not start with b0353104"
    ):
        read_imagenet(tmp_path / "mobilenet_v2-b0353104.pth")


def damaged_h5():
    h5py = pytest.importorskip("h5py")
    file = io.BytesIO()
    with h5py.File(file, "w") as root:
        root.attrs["layer_names"] = [b"conv1"]
        layer = root.create_group("conv1")
        layer.attrs["weight_names"] = [b"kernel:0"]
        layer["kernel:0"] = h5py.ExternalLink("/etc/passwd", "/")
    return file.getvalue()


def slim_without(backbone, part):
    return {name: each for name, each in slim_tensors(random_network(backbone)).items() if part not in name}


def slim_with(backbone, name, values):
    tensors = {**slim_tensors(random_network(backbone)), name: np.asarray(values, np.float32)}
    return lambda: graph(tensors)


REFUSED = {
    "text.h5": (lambda: b"nonsense", "text.h5 is damaged or is no weights file of Keras 2"),
    "link.h5": (damaged_h5, "link.h5 is damaged .*it has no kernel:0"),
    "text.pb": (lambda: b"nonsense", "text.pb is damaged or is no model of TensorFlow 1"),
    "text.tgz": (lambda: b"nonsense", "text.tgz is not a tar archive"),
    "text.pth": (lambda: b"nonsense", "text.pth is damaged or is no state dict"),
    "detector.pb": (
        lambda: graph({"FeatureExtractor/MobilenetV2/Conv/weights": np.zeros(1, np.float32)}),
        "another architecture: SSD MobileNetV2.* `ssdlite weights import`",
    ),
    "folded.pb": (
        lambda: graph(slim_without("mobilenet_v1", "BatchNorm")),
        "lacks the tensor .*BatchNorm.* expected MobileNetV1 of TF-Slim",
    ),
    "optimised.pb": (
        lambda: graph(
            {
                **slim_without("mobilenet_v1", "moving_variance"),
                **{
                    f"MobilenetV1/Conv2d_0/BatchNorm/batchnorm/{each}": np.ones(8, np.float32)
                    for each in ("mul", "sub")
                },
            }
        ),
        "optimised.pb has its batch normalisation folded into the kernels",
    ),
    "narrow.pb": (
        slim_with("mobilenet_v2", "MobilenetV2/Conv/weights", np.zeros((3, 3, 3, 9))),
        r"kernels as no MobileNetV2 has them",
    ),
    "nan.pb": (
        slim_with("mobilenet_v1", "MobilenetV1/Conv2d_0/BatchNorm/beta", np.full(8, np.nan)),
        "nan.pb is damaged: conv1_bn/beta should be finite",
    ),
    "classes.pb": (
        slim_with("mobilenet_v1", "MobilenetV1/Logits/Conv2d_1c_1x1/biases", np.zeros(3)),
        "a classifier of the shape",
    ),
    "v1.pth": (
        lambda: write_torch(
            {
                "features.0.weight": np.zeros((4, 3, 3, 3), np.float32),
                "features.1.running_var": np.ones(4, np.float32),
            }
        ),
        "1 convolutions with batch normalisation",
    ),
    "other.pth": (
        lambda: write_torch({"conv_stem.weight": np.zeros((4, 3, 3, 3), np.float32)}),
        "a tensor 'conv_stem.weight', which torchvision's mobilenet_v2 has not",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_classifier_of_a_known_kind_is_refused(tmp_path, name):
    build, message = REFUSED[name]
    (tmp_path / name).write_bytes(build())
    with pytest.raises(WeightsError, match=message) as caught:
        read_imagenet(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


def test_files_are_known_by_their_names():
    for name in (
        "a.h5",
        "a.pth",
        "b/a.pb",
        "a.tgz",
        "a.ckpt",
        "a.ckpt-12",
        "a.ckpt.data-00000-of-00001",
        "a.tar.gz",
    ):
        assert is_imagenet_file(name)
    for name in ("released", "imagenet", "none", "", "a.npz", "runs/shapes", "runs/shapes-2", "ckpt"):
        assert not is_imagenet_file(name)


HOME = "https://storage.googleapis.com/tensorflow/keras-applications"
V2 = "mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels"


@pytest.mark.parametrize(
    ("backbone", "width", "size", "name"),
    [
        ("mobilenet_v1", 1.0, (300, 300), "mobilenet/mobilenet_1_0_224_tf_no_top.h5"),
        ("mobilenet_v1", 0.25, (128, 128), "mobilenet/mobilenet_2_5_128_tf_no_top.h5"),
        ("mobilenet_v1", 0.75, (96, 96), "mobilenet/mobilenet_7_5_224_tf_no_top.h5"),
        ("mobilenet_v2", 1.0, (96, 128), f"{V2}_1.0_224_no_top.h5"),
        ("mobilenet_v2", 0.35, (96, 96), f"{V2}_0.35_96_no_top.h5"),
        ("mobilenet_v2", 1.4, (96, 96), f"{V2}_1.4_224_no_top.h5"),
    ],
)
def test_addresses_are_those_of_keras_applications(backbone, width, size, name):
    assert published_address(backbone, width, size) == f"{HOME}/{name}"
    whole = published_address(backbone, width, size, classifier=True)
    assert whole == f"{HOME}/{name}".replace("_no_top", "")


def test_fetching_keeps_a_whole_file_and_no_other(tmp_path, monkeypatch):
    from detector.pretrained.imagenet import files

    monkeypatch.setenv("SSDLITE_CACHE", str(tmp_path / "cache"))
    spec = ModelSpec("x", ("a",), backbone="mobilenet_v1", width_multiplier=0.25)
    asked = []

    def download(address, path, most_bytes):
        asked.append(address)
        path.write_bytes(b"cut short")

    monkeypatch.setattr(files, "download", download)
    for _ in range(2):
        with pytest.raises(WeightsError, match="is damaged"):
            fetch_imagenet(spec, lambda line: None)
    assert len(asked) == 2
    assert not list((tmp_path / "cache").rglob("*.h5"))
    with pytest.raises(WeightsError, match=r"no ImageNet weights of mobilenet_v1 with width multiplier 0.35"):
        fetch_imagenet(ModelSpec("x", ("a",), backbone="mobilenet_v1", width_multiplier=0.35))
