"""What the gate runs, and what it says."""

import pytest

from detector.data.sample import SAMPLE_FOLDER
from detector.exports.gate import Gate
from detector.exports.trial_images import find_trial_images
from detector.formats.looks import Look
from detector.formats.network import Network
from detector.formats.table import FORMATS
from detector.weights import load_weights

pytestmark = pytest.mark.slow
openvino = pytest.importorskip("openvino")


@pytest.fixture(scope="module")
def network(released_weights):
    return Network(*load_weights(released_weights))


@pytest.fixture
def said():
    return []


@pytest.fixture
def gate(network, said):
    trial = find_trial_images(None, SAMPLE_FOLDER, "", network.spec)
    return Gate([Look(network.weights, network.spec)], trial, None, said.append)


def test_an_openvino_file_is_also_run_as_other_programs_run_it_where_that_differs(
    network, gate, said, tmp_path, monkeypatch
):
    from detector.runtime import openvino as runtime

    path = tmp_path / "network.xml"
    FORMATS["openvino"].write(path, network)
    monkeypatch.setattr(runtime, "reduced_precision", lambda path: "bf16")  # which hangs on the processor
    gate.find_fault(path, FORMATS["openvino"], network)
    ways = [line for line in said if line.startswith("Compared")]
    assert len(ways) == 2
    assert ways[1].endswith("as other programs run it here, in bf16:")


def test_a_file_that_asks_for_float32_is_run_once(network, gate, said, tmp_path):
    path = tmp_path / "network.xml"
    FORMATS["openvino"].write(path, network)
    assert gate.find_fault(path, FORMATS["openvino"], network) is None
    assert sum(line.startswith("Compared") for line in said) == 1
