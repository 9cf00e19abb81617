"""A batch that goes through the network in parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from detector.spec import ModelSpec
from detector.training import micro_batches
from detector.training.micro_batches import micro_batch_size
from detector.weights import load_weights

NETWORKS = [ModelSpec("network", ("cat",), input_hw=(side, side)) for side in (96, 320, 512, 1280)]


@pytest.mark.parametrize("batch", [1, 7, 8, 24])
@pytest.mark.parametrize("spec", NETWORKS, ids=lambda spec: str(spec.input_hw[0]))
def test_parts_are_equal_and_smaller_the_more_their_outputs_take(spec: ModelSpec, batch: int) -> None:
    sizes = [micro_batch_size(spec, first, batch) for first in ("block_13_expand", "block_3_expand", None)]
    assert all(batch % size == 0 for size in sizes)
    assert sizes == sorted(sizes, reverse=True)


def test_small_steps_stay_whole_and_large_ones_do_not() -> None:
    assert micro_batch_size(NETWORKS[1], "block_3_expand", 8) == 8
    assert micro_batch_size(NETWORKS[2], "block_3_expand", 8) == 2
    assert micro_batch_size(NETWORKS[3], None, 8) == 1


@pytest.mark.slow
def test_in_parts_a_batch_teaches_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("official.core.base_trainer")
    from detector.api.training import train
    from tests.training.small_run import SETTINGS, write_shapes

    dataset = write_shapes(tmp_path / "data")
    trained = {}
    settings = (*SETTINGS, "training.batch_size=6", "training.steps=3")
    for most in (1, 10**9):  # an image at a time, and all of them
        monkeypatch.setattr(micro_batches, "_MOST_BYTES", most)
        output = tmp_path / str(most)
        train(dataset, output=output, settings=settings)
        trained[most], _ = load_weights(output / "model.npz")
    for key, values in trained[1].items():
        np.testing.assert_allclose(values, trained[10**9][key], rtol=1e-4, atol=1e-6, err_msg=key)
