"""What TensorFlow's padding costs weights that were trained with padding on all sides.

At even sizes TensorFlow pads a convolution of stride 2 at the end alone. torchvision's MobileNetV2 knows
padding on all sides. Pictures of COCO in which an object of a class that ImageNet has is large are classified
by its weights with either padding. At a multiple of 32 and 1 the two are the same.

    python -m studies.imagenet_padding mobilenet_v2-b0353104.pth COCO_FOLDER
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
import tensorflow as tf

from detector.api.inputs import load_dataset
from detector.backbones import BACKBONES
from detector.boxes import FloatArray
from detector.images import Image, load_image
from detector.layers import IMAGE, Layers
from detector.pretrained.imagenet.files import read_imagenet
from detector.pretrained.imagenet.network import ImagenetNetwork, backbone_layers
from detector.weights import fold_batch_norm

_BATCH = 16
_RESAMPLES = 2000
_LARGE = 0.12  # share of the picture that an object takes at least
# Of ImageNet's 1000 classes, those that are a COCO class.
_CLASSES: dict[str, list[int]] = {
    "airplane": [404, 895], "banana": [954], "bear": [294, 295, 296, 297], "bed": [520, 564],
    "bicycle": [444, 671], "bird": [*range(7, 25), *range(80, 101), *range(127, 147)],
    "boat": [472, 554, 576, 625, 628, 814, 914], "broccoli": [937], "bus": [654, 779, 874],
    "car": [436, 468, 511, 627, 656, 751, 817], "cat": [281, 282, 283, 284, 285], "cell phone": [487],
    "clock": [409, 530, 892], "couch": [831], "cow": [345, 346, 690], "dog": [*range(151, 269)],
    "elephant": [101, 385, 386], "horse": [339, 603], "keyboard": [508], "laptop": [620, 681],
    "microwave": [651], "motorcycle": [665, 670], "orange": [950], "parking meter": [704], "pizza": [963],
    "refrigerator": [760], "sheep": [348, 349, 350], "sink": [896], "stop sign": [919], "teddy bear": [850],
    "toilet": [861], "traffic light": [920], "train": [466, 547, 705, 820, 829],
    "truck": [555, 569, 656, 675, 717, 864, 867], "tv": [664, 782, 851], "umbrella": [879], "vase": [883],
    "zebra": [340],
}  # fmt: skip


def find_pictures(folder: str) -> tuple[list[Image], list[set[int]]]:
    """Pictures with a large object of a known class, and the classes of ImageNet that are right for each."""
    dataset = load_dataset(Path(folder))
    right: dict[int, set[int]] = defaultdict(set)
    size_of = {image.id: image.size_wh for image in dataset.images}
    for annotation in dataset.annotations:
        width, height = size_of[annotation["image_id"]] or (1, 1)
        share = annotation["bbox"][2] * annotation["bbox"][3] / (width * height)
        if share > _LARGE:
            right[annotation["image_id"]].update(
                _CLASSES.get(dataset.categories[annotation["category_id"]], [])
            )
    chosen = [image for image in dataset.images if right[image.id]]
    return [load_image(image.path) for image in chosen], [right[image.id] for image in chosen]


def middle_squares(pictures: list[Image], size: int) -> FloatArray:
    """The middle square of each picture (B, size, size, 3) in [-1, 1], as those of ImageNet are evaluated."""
    squares = []
    for pixels in pictures:
        height, width = pixels.shape[:2]
        scale = size * 256 / 224 / min(height, width)
        size_wh = round(width * scale), round(height * scale)
        larger = cv2.resize(pixels, size_wh, interpolation=cv2.INTER_AREA)
        top, left = ((side - size) // 2 for side in larger.shape[:2])
        squares.append(larger[top : top + size, left : left + size] / np.float32(127.5) - 1)
    return np.stack(squares).astype(np.float32)


def classify(network: ImagenetNetwork, images: FloatArray, *, all_sides: bool) -> FloatArray:
    """Probabilities (B, classes), with padding on all sides or with TensorFlow's."""
    layers = backbone_layers(BACKBONES[network.backbone], network.width, images.shape[1:3])
    folded = fold_batch_norm(network.weights, Layers(tuple(layers)))
    found = []
    for start in range(0, len(images), _BATCH):
        outputs = {IMAGE: tf.constant(images[start : start + _BATCH])}
        for layer in layers:
            kernel, bias = folded[layer.name]
            x, strides = outputs[layer.source], [1, layer.stride, layer.stride, 1]
            padding = "SAME"
            if all_sides and layer.stride > 1:
                x, padding = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]), "VALID"
            convolve = tf.nn.conv2d if layer.kind == "conv" else tf.nn.depthwise_conv2d
            x = convolve(x, kernel, strides, padding) + bias
            x = tf.nn.relu6(x) if layer.relu6 else x
            outputs[layer.name] = x + outputs[layer.shortcut] if layer.shortcut else x
        pooled = tf.reduce_mean(x, [1, 2])
        found.append(tf.nn.softmax(pooled @ network.kernel + network.bias).numpy())
    return np.concatenate(found)


def hits(probabilities: FloatArray, right: list[set[int]], first: int) -> FloatArray:
    """(B,) 1 where a right class is among so many first ones, else 0."""
    order = np.argsort(-probabilities, axis=1)[:, :first]
    return np.array(
        [bool(classes & set(row.tolist())) for classes, row in zip(right, order, strict=True)], "f4"
    )


def _against(values: FloatArray, own: FloatArray) -> str:
    """A mean in percent, and its difference to another one with a paired bootstrap over the pictures."""
    differences = 100 * (values - own)
    rng = np.random.default_rng(0)
    means = differences[rng.integers(len(own), size=(_RESAMPLES, len(own)))].mean(1)
    low, high = np.quantile(means, (0.025, 0.975))
    return f"{100 * values.mean():.0f} ({differences.mean():+.0f}, {low:+.0f} to {high:+.0f})"


def _main(weights: str, folder: str) -> None:
    network = read_imagenet(Path(weights))
    pictures, right = find_pictures(folder)
    print(f"{len(pictures)} pictures; percent with a right class as the first, and among the first five")
    for size in (224, 160):
        images = middle_squares(pictures, size)
        rows = {
            f"own padding, {size}": classify(network, images, all_sides=True),
            f"TensorFlow's, {size}": classify(network, images, all_sides=False),
            f"either, {size + 1}": classify(network, middle_squares(pictures, size + 1), all_sides=False),
        }
        own = rows[f"own padding, {size}"]
        for name, found in rows.items():
            told = [_against(hits(found, right, count), hits(own, right, count)) for count in (1, 5)]
            same = 100 * (found.argmax(1) == own.argmax(1)).mean()
            print(f"| {name} | {told[0]} | {told[1]} | {same:.0f} |")


if __name__ == "__main__":
    _main(*sys.argv[1:])
