"""``ssdlite weights import``."""

from __future__ import annotations

from pathlib import Path

import pytest

from detector.spec import ModelSpec
from detector.weights import load_weights
from tests.commands.running import Run, assert_mistake
from tests.pretrained.graph_files import graph, random_network, resize_nodes, slim_tensors

SPEC = ModelSpec("cells", ("red cell", "white cell"))


@pytest.fixture
def frozen(tmp_path: Path) -> Path:
    path = tmp_path / "frozen_inference_graph.pb"
    path.write_bytes(graph(slim_tensors(random_network(SPEC), SPEC), resize_nodes(300, 300)))
    return path


def test_a_model_is_imported_and_used(
    run: Run, frozen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("labels.txt").write_text("red cell\nwhite cell\n")
    outcome = run("weights", "import", frozen, "--labels", "labels.txt", "--output", "cells.npz")
    assert outcome.code == 0
    assert "2 classes (red cell, white cell), input 300, width 1." in outcome.out
    assert "Ready: cells.npz; name it with --model." in outcome.out
    weights, spec = load_weights(Path("cells.npz"))
    assert spec.classes == SPEC.classes
    written = Path("cells.npz").read_bytes()
    again = assert_mistake(
        run("weights", "import", frozen, "--labels", "labels.txt", "--output", "cells.npz")
    )
    assert "cells.npz exists" in again
    assert Path("cells.npz").read_bytes() == written
    assert "needs no import" in assert_mistake(run("weights", "import", "cells.npz"))
    assert spec.input_hw == (300, 300)
    assert weights.keys() == random_network(SPEC).keys()


def test_what_does_not_fit_writes_nothing(
    run: Run, frozen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("labels.txt").write_text("red cell\n")
    before = sorted(tmp_path.iterdir())
    sentence = assert_mistake(run("weights", "import", frozen, "--labels", "labels.txt"))
    assert "does not fit the model: it has 1 line, and the model has 2 classes" in sentence
    assert_mistake(run("weights", "import", frozen, "--labels", "absent.txt"))
    assert_mistake(run("weights", "import", frozen, "--output", "cells.onnx"))
    assert sorted(tmp_path.iterdir()) == before
