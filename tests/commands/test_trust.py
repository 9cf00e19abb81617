"""A SavedModel is a program: it is run when that is asked for, and not before."""

from __future__ import annotations

import pytest

from detector import Detector
from detector.data.sample import SAMPLE_FOLDER
from detector.errors import ModelError
from detector.formats.spec_reader import SAVED_MODEL, write_spec
from detector.runtime.model_file import ModelFile
from detector.spec import ModelSpec
from tests.commands.running import assert_mistake

SPEC = ModelSpec("program", ("cat",), input_hw=(96, 96), width_multiplier=0.35)


@pytest.fixture
def program(tmp_path):
    """The folder of a SavedModel that no TensorFlow can load: whoever tries says so."""
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / SAVED_MODEL).write_bytes(b"no graph")
    write_spec(folder, SPEC)
    return folder


def test_a_program_is_not_run_without_trust(program):
    with pytest.raises(ModelError, match=r"is a SavedModel: a program, .* trust=True"):
        Detector.load(program)
    assert ModelFile(program).spec == SPEC  # which is data


@pytest.mark.slow
def test_with_trust_it_is_loaded(program):
    pytest.importorskip("tensorflow")
    with pytest.raises(ModelError, match="TensorFlow cannot load"):
        Detector.load(program, trust=True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("detect", SAMPLE_FOLDER / "chelsea.jpg", "--model"),
        ("eval", "--model"),
        ("demo", "--source", SAMPLE_FOLDER / "chelsea.jpg", "--headless", "--model"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_commands_ask_for_trust(run, program, arguments):
    assert "--trust" in assert_mistake(run(*arguments, program))
