"""A small classifier and a folder of pictures for each of its classes."""

from pathlib import Path

import cv2
import numpy as np

from detector.classifier_spec import ClassifierSpec
from detector.numpy_network import NumpyClassifier
from detector.preprocess import ClassifierPreprocessor
from detector.weights import save_weights
from tests.random_networks import normalised, telling_weights

CLASSES = ("robin", "great tit", "wren")


def make_classifier(folder: Path, count: int = 24) -> tuple[Path, Path]:
    """Weights of a classifier, and the folder of ``count`` pictures that it names right."""
    spec = ClassifierSpec("birds", CLASSES, (24, 40), "mobilenet_v2", 0.35)
    generator = np.random.default_rng(4)
    colours = generator.choice([20, 230], (count, 1, 1, 3))
    noise = generator.integers(-20, 20, (count, 48, 80, 3))
    pictures = (colours + noise).astype(np.uint8)
    view = ClassifierPreprocessor(spec)
    weights = telling_weights(spec, [view(each) for each in pictures])
    network = NumpyClassifier(weights, spec)
    for number, picture in enumerate(pictures):
        label = int(network.run(normalised(view(picture), spec)).argmax())
        path = folder / "pictures" / CLASSES[label] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), picture)
    save_weights(folder / "birds.npz", weights, spec)
    return folder / "birds.npz", folder / "pictures"
