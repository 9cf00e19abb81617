"""A folder of pictures per class made from a detection dataset: each labelled object, cut out with a margin.

    python -m studies.object_crops shared/data/bccd crops/bccd

The splits are those of the dataset, or of ``ssdlite train`` where it has none: objects of one image stay in
one split. Crowds, and objects whose crop would be smaller than 8 pixels, are left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from detector.data.dataset import Dataset, load_dataset_image
from detector.data.folder import load_labelled_folder
from detector.preprocess import CROP_MARGIN

_LEAST_SIDE = 8


def write_crops(dataset: Dataset, root: Path, margin: float) -> int:
    """How many objects of a dataset were cut out: into ``root/CLASS/IMAGE_OBJECT.jpg``.

    Args:
        dataset: images and objects.
        root: folder of the split.
        margin: added on each side, as a share of the object's.
    """
    count = 0
    for image in dataset.images:
        picture = load_dataset_image(image)
        height, width = picture.shape[:2]
        for annotation in (each for each in dataset.annotations if each["image_id"] == image.id):
            left, top, wide, high = annotation["bbox"]
            if annotation["iscrowd"] or min(wide, high) < _LEAST_SIDE:
                continue
            x, y = np.array([left - margin * wide, left + (1 + margin) * wide]), margin * high
            columns = slice(*np.clip(x.round(), 0, width).astype(int))
            rows = slice(*np.clip(np.round([top - y, top + high + y]), 0, height).astype(int))
            folder = root / dataset.categories[annotation["category_id"]]
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{Path(image.name).stem}_{annotation['id']}.jpg"
            cv2.imwrite(str(path), picture[rows, columns], [cv2.IMWRITE_JPEG_QUALITY, 95])
            count += 1
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--margin", type=float, default=CROP_MARGIN)
    parser.add_argument("--train")
    arguments = parser.parse_args()
    folder = load_labelled_folder(arguments.dataset, train=arguments.train)
    for name, part in (("train", folder.train), ("val", folder.val), ("test", folder.test)):
        if part is not None:
            print(name, write_crops(part, arguments.output / name, arguments.margin))


if __name__ == "__main__":
    main()
