"""What each format and precision changes in the answers of classifiers.

``python -m studies.classifier_exports MODEL... --pictures FOLDER`` prints the table of docs/classify.md.
Every other picture calibrates int8, and the rest is compared on; with ``--dataset``, a folder of pictures for
each class, all pictures calibrate and the dataset is compared on.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np

from detector.commands.cli import main
from detector.commands.command_line import echo
from detector.data.dataset import Dataset, DatasetImage
from detector.exports.classifier_gate import ClassifierGate
from detector.exports.classifier_parity import ClassifierParity
from detector.exports.trial_images import (
    CALIBRATION_IMAGES,
    TrialImages,
    find_trial_images,
    load_network_inputs,
)
from detector.formats.network import ClassifierNetwork
from detector.formats.table import FORMATS, model_files
from detector.formats.tflite.calibration import calibrate
from detector.images import find_images
from detector.runtime.classifier_file import ClassifierFile
from detector.system.files import size_in_bytes
from detector.system.terminal import ignore


@click.command()
@click.argument("models", nargs=-1, required=True)
@click.option("--pictures", type=click.Path(path_type=Path), required=True)
@click.option("--dataset", type=click.Path(path_type=Path))
def command(models: tuple[str, ...], pictures: Path, dataset: Path | None) -> None:
    """Print a table of formats and precisions for each of MODELS."""
    files = find_images([str(pictures)])
    for model in models:
        file = ClassifierFile(model, say=ignore)
        if dataset is None:
            shown = _unnamed(pictures, files[1::2])
        else:
            shown = find_trial_images(dataset, None, model, file.spec)
        echo(f"{file.spec.name}, {len(shown.dataset.images)} pictures of {Path(shown.origin).name}")
        echo("| | MB | accuracy | same class, sure | others | moved, median | at most | kept |")
        echo("|---|---|---|---|---|---|---|---|")
        for row in _rows(file, files[::2] if dataset is None else files, shown):
            echo(row)


def _unnamed(source: Path, files: list[Path]) -> TrialImages:
    images = tuple(DatasetImage(number, path, None) for number, path in enumerate(files))
    return TrialImages(Dataset(source, images, (), {}, "unlabelled"), False, source.name)


def _rows(file: ClassifierFile, calibrating: list[Path], shown: TrialImages) -> Iterator[str]:
    weights, spec = file.weights()
    step = -(-len(calibrating) // CALIBRATION_IMAGES)
    inputs = load_network_inputs(calibrating[::step], spec, ignore)
    quantization = calibrate(weights, spec, inputs)
    gate = ClassifierGate(weights, spec, shown, None, ignore)
    for name, format_ in FORMATS.items():
        for precision in format_.precisions:
            used = quantization if precision == "int8" else None
            network = ClassifierNetwork(weights, spec, precision, used)
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"model{format_.suffix}"
                network.write(format_, path)
                megabytes = sum(map(size_in_bytes, model_files(path))) / 1e6
                fault = gate.find_fault(path, format_, network)
            parity = gate.comparisons[-1].parity
            assert isinstance(parity, ClassifierParity)
            accuracy, same, _ = parity.cells()
            others = f"{parity.others_same} of {parity.images - parity.sure}"
            median, most = np.median(parity.shifts), parity.shifts.max()
            yield (
                f"| {name} {precision} | {megabytes:.2f} | {accuracy} | {same} | {others} | {median:.1e} | "
                f"{most:.1e} | {fault or 'yes'} |"
            )


if __name__ == "__main__":
    main(prog_name="classifier_exports", command=command)
