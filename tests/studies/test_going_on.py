"""The halves of the study of going on."""

from __future__ import annotations

from pathlib import Path

import pytest

from detector.data.folder import load_labelled_folder
from tests.data.labelled import Photo, write_voc

pytest.importorskip("official.core.base_trainer")


def test_halves_divide_train_and_val_and_share_test(tmp_path: Path) -> None:
    from studies.going_on import write_halves

    splits = ("train", "train", "train", "val", "val", "test")
    root = write_voc(tmp_path / "cells", [Photo(f"{n}.jpg", split=splits[n % 6]) for n in range(24)])
    places = write_halves(root, tmp_path / "halves")
    both, first, second = (load_labelled_folder(places[name]) for name in ("both", "first", "second"))
    for part in ("train", "val"):
        names = [{image.name for image in getattr(each, part).images} for each in (both, first, second)]
        own = {image.name for image in getattr(load_labelled_folder(root), part).images}
        assert names[1] | names[2] == names[0] == own
        assert not names[1] & names[2]
        assert abs(len(names[1]) - len(names[2])) <= 1
    assert all(each.test is not None and len(each.test.images) == 4 for each in (both, first, second))
