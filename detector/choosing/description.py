"""What a picture looks like to a model, as numbers: pictures that look alike to it have near ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detector.boxes import FloatArray


def describe(
    box_encodings: FloatArray, class_logits: FloatArray, cells: Sequence[tuple[int, int]]
) -> FloatArray:
    """(D,) numbers: the mean over a map's cells of what the heads say, for each map and shape of anchor.

    A head is linear in the features that it reads, so this is a linear picture of their mean over the cells,
    which every format of a model gives without its backbone being opened.

    Args:
        box_encodings: (A, 4), map after map, in each cell after cell.
        class_logits: (A, K + 1), likewise.
        cells: number of cells of each map, and anchors in each of them.
    """
    outputs = np.concatenate([box_encodings, class_logits], axis=1)
    parts, start = [], 0
    for count, per_cell in cells:
        part = outputs[start : start + count * per_cell].reshape(count, -1)
        parts.append(part.mean(axis=0))
        start += count * per_cell
    return np.concatenate(parts).astype(np.float32)


def standardise(descriptions: FloatArray) -> FloatArray:
    """(N, D) descriptions with each number scaled by how it varies: distances are about 1 then."""
    deviation = descriptions.std(axis=0)
    varying = deviation > 1e-6
    scaled = (descriptions[:, varying] - descriptions[:, varying].mean(axis=0)) / deviation[varying]
    return np.asarray(scaled / np.sqrt(max(1, 2 * int(varying.sum()))), np.float32)
