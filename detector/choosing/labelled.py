"""What is labelled already: what it looks like to the model, and whether a picture is among it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from tqdm import tqdm

from detector.boxes import FloatArray
from detector.choosing.looks import Looker
from detector.data.dataset import DatasetImage, load_dataset_image
from detector.data.duplicates import ImageFacts, look_at
from detector.data.look_alikes import looking_like
from detector.errors import DetectorError
from detector.images import Image
from detector.system.progress import bars_hidden

_ALMOST_EQUAL = 3  # grey levels: a copy of other size or quality differs by less, another frame by more


@dataclass
class LabelledPictures:
    """Pictures that have their labels.

    Attributes:
        descriptions: see ``describe``.
        failures: a sentence for each that could not be read.
    """

    descriptions: list[FloatArray] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    _facts: list[ImageFacts] = field(default_factory=list)

    @classmethod
    def look_at(cls, images: Iterable[DatasetImage], looker: Looker) -> LabelledPictures:
        """The pictures, each looked at once, with a progress bar."""
        known = cls()
        bar = tqdm(
            list(images), desc="looking at what is labelled", unit="image", disable=bars_hidden(), leave=False
        )
        for each in bar:
            try:
                image = load_dataset_image(each)
            except DetectorError as error:
                known.failures.append(str(error))
                continue
            known.descriptions.append(looker.describe(image))
            known._facts.append(look_at(image))
        known._settle()
        return known

    def _settle(self) -> None:
        self._hashes = np.array([facts.difference_hash for facts in self._facts], np.uint64)
        self._thumbnails = np.array([facts.thumbnail for facts in self._facts], np.uint8).reshape(-1, 256)

    def __contains__(self, image: Image) -> bool:
        """Whether a picture (H, W, 3) is one of them, or a copy of one at another size or quality."""
        facts = look_at(image)
        alike = looking_like(
            (facts.difference_hash, facts.thumbnail), self._hashes, self._thumbnails, _ALMOST_EQUAL
        )
        return bool(alike.any())
