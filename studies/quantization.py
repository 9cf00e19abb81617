"""What int8 costs, by what stays in float32 and by how the ranges are found.

``python -m studies.quantization DATASET --calibration FOLDER`` prints the table of
docs/export.md: AP, and how much of what the network finds each variant finds again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
from tqdm import tqdm

from detector.architecture import build_architecture
from detector.boxes import FloatArray
from detector.commands.cli import main
from detector.commands.command_line import echo
from detector.commands.options import DEFAULT_MODEL
from detector.data.dataset import Dataset
from detector.data.selection import find_dataset
from detector.evaluation.evaluate import detect_dataset, match_categories
from detector.exports.parity import Found, Parity, measure_parity
from detector.exports.trial_images import find_calibration_images, load_network_inputs
from detector.formats.tflite.calibration import calibrate
from detector.formats.tflite.writer import build_tflite
from detector.layers import IMAGE
from detector.numpy_network import NumpyNetwork
from detector.runtime import Detector
from detector.runtime.model_file import ModelFile
from detector.spec import ModelSpec
from detector.weights import Weights

_SAMPLES = 2000  # numbers of each activation of each image that percentiles are taken of
_SHARES = np.linspace(0.3, 1, 15)  # of the greatest range, tried for the least squared error


@dataclass(frozen=True)
class Row:
    """A variant, what it finds, and the size of its file in MB."""

    name: str
    parity: Parity
    megabytes: float


def build_variants(
    weights: Weights, spec: ModelSpec, network_inputs: list[FloatArray]
) -> Iterator[tuple[str, bytes]]:
    """The TFLite file of each variant, by name: float32 first, the one that is exported third."""
    layers = [layer.name for layer in build_architecture(spec).layers]
    chosen = calibrate(weights, spec, network_inputs)
    one_scale = calibrate(weights, spec, network_inputs, integer_heads=True)

    def build(**changes: Any) -> bytes:
        return build_tflite(weights, spec, quantization=replace(chosen, **changes))

    yield "float32", build_tflite(weights, spec)
    yield "float16 kernels", build_tflite(weights, spec, half=True)
    yield "int8, as exported", build()
    yield "heads of one scale, as for Coral", build(ranges=one_scale.ranges)
    yield "no correction of biases", build(bias_corrections={})
    for name, ranges in _other_ranges(weights, spec, network_inputs).items():
        yield name, build(ranges=ranges)
    last_maps = [f"{head}_head_{number}" for head in ("box", "class") for number in range(2, 6)]
    for name, prefixes in {
        "box heads in float32": ("box_head",),
        "class heads in float32": ("class_head",),
        "last four maps and their heads in float32": ("extra", *last_maps),
        "first convolution in float32": ("Conv1",),
        "first convolution and block in float32": ("Conv1", "expanded_conv"),
    }.items():
        yield name, build(float_layers=frozenset(name for name in layers if name.startswith(prefixes)))
    with suppress(ImportError):
        from studies.conversion import convert_to_tflite

        yield "TensorFlow's converter, int8", convert_to_tflite(weights, spec, network_inputs)


def _other_ranges(
    weights: Weights, spec: ModelSpec, network_inputs: list[FloatArray]
) -> dict[str, Mapping[str, tuple[float, float]]]:
    """Ranges by percentiles, and by the least squared error, instead of least and greatest numbers."""
    network = NumpyNetwork(weights, spec)
    generator = np.random.default_rng(0)
    samples: dict[str, list[FloatArray]] = {}
    for network_input in tqdm(network_inputs, desc="sampling", unit="image", disable=None, leave=False):
        for name, activation in network.activations(network_input):
            flat = activation.ravel()
            samples.setdefault(name, []).append(flat[generator.integers(0, len(flat), _SAMPLES)])
    pooled = {name: np.concatenate(parts) for name, parts in samples.items()}
    image = (spec.pixel_offset, 255 * spec.pixel_scale + spec.pixel_offset)
    ranges: dict[str, dict[str, tuple[float, float]]] = {}
    for share in (0.01, 0.1):
        ranges[f"ranges without {share:g} % at each end"] = {
            name: (float(np.percentile(values, share)), float(np.percentile(values, 100 - share)))
            for name, values in pooled.items()
        }
    ranges["ranges of the least squared error"] = {
        name: _least_error_range(values) for name, values in pooled.items()
    }
    return {name: {**each, IMAGE: image} for name, each in ranges.items()}


def _least_error_range(values: FloatArray) -> tuple[float, float]:
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    best, least = (low, high), np.inf
    for low_share in _SHARES if low < 0 else [1.0]:
        for high_share in _SHARES:
            start, end = low * low_share, high * high_share
            scale = max((end - start) / 255, 1e-8)
            rounded = np.clip(np.round((values - start) / scale), 0, 255) * scale + start
            error = float(np.square(rounded - values).mean())
            if error < least:
                best, least = (start, end), error
    return best


def study(
    weights: Weights, spec: ModelSpec, dataset: Dataset, network_inputs: list[FloatArray]
) -> Iterator[Row]:
    """A row for each variant; all are compared with the first, which is not quantized."""
    categories = sorted(set(match_categories(spec.classes, dataset.categories).values()))
    network: Found | None = None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        for name, content in build_variants(weights, spec, network_inputs):
            path.write_bytes(content)
            found = detect_dataset(Detector.load(path, score_threshold=None), dataset).results
            network = network or found
            parity = measure_parity(dataset, network, found, category_ids=categories)
            yield Row(name, parity, path.stat().st_size / 1e6)


@click.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--calibration", type=click.Path(path_type=Path), help="As for ssdlite export.")
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="As for ssdlite export.")
def command(dataset: Path, calibration: Path | None, model: str) -> None:
    """Compare ways to quantize on DATASET: AP, what is found again, and the size of the file."""
    coco = find_dataset(dataset, None, None, None)
    weights, spec = ModelFile(model, say=echo).weights()
    files = find_calibration_images(calibration, model)
    network_inputs = list(load_network_inputs(files, spec, echo))
    echo(
        f"{spec.name} on {coco.source}: {len(coco.images):,} images; {len(network_inputs)} to calibrate on\n"
    )
    echo("| variant | AP | difference | 95 % interval | found again | IoU | score moved | MB |")
    echo("|---|---|---|---|---|---|---|---|")
    for row in study(weights, spec, coco, network_inputs):
        parity = row.parity
        assert parity.ap is not None
        gap = parity.ap.difference
        numbers = [f"{100 * value:+.2f}" for value in (gap.value, gap.low, gap.high)]
        echo(
            f"| {row.name} | {100 * parity.ap.second.value:.2f} "
            f"| {numbers[0]} | {numbers[1]} to {numbers[2]} "
            f"| {parity.found_again} of {parity.detections}, {parity.added} more "
            f"| {np.median(parity.ious):.3f} | {np.median(np.abs(parity.score_shifts)):.4f} "
            f"| {row.megabytes:.2f} |"
        )


if __name__ == "__main__":
    main(prog_name="quantization_study", command=command)
