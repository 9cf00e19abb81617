import numpy as np

from detector.numpy_network import NumpyNetwork
from detector.weights import load_weights


def test_outputs_are_those_of_the_official_graph(released_weights, golden):
    network = NumpyNetwork(*load_weights(released_weights))
    ids = [key.removesuffix("/input") for key in golden if key.endswith("/input")]
    assert len(ids) == 4
    for id_ in ids:
        outputs = network.run(golden[f"{id_}/input"][None])
        for output, name in zip(outputs, ("box_encodings", "class_logits"), strict=True):
            assert np.abs(output - golden[f"{id_}/{name}"]).max() <= 1e-3
