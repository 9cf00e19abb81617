"""``export``: what `ssdlite export` does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict

from detector.api.inputs import Say, optional_path, refuse_unknown
from detector.data.dataset import Dataset
from detector.exports.exporter import write_export
from detector.exports.outcome import Export
from detector.exports.request import Request
from detector.input_sizes import InputSize
from detector.pretrained.releases import DEFAULT_MODEL
from detector.runtime.arguments import check_model, class_list
from detector.system.progress import bars_wanted
from detector.system.terminal import ignore

if TYPE_CHECKING:
    from typing_extensions import Unpack

FormatName = Literal["tflite", "onnx", "openvino", "saved_model"]
Precision = Literal["none", "fp16", "int8"]
BundleName = Literal["frigate", "android", "coral", "python"]


class ExportOptions(TypedDict, total=False):
    """What else may be asked of an export; see ``export``."""

    bundle: BundleName | None
    calibration: str | Path | None
    dataset: str | Path | Dataset | None
    classes: Sequence[str] | None
    input_size: InputSize | Sequence[InputSize] | None
    max_ap_drop: float | None
    progress: bool


def export(
    model: str | Path = DEFAULT_MODEL,
    format: FormatName = "tflite",
    *,
    quantize: Precision = "none",
    postprocess: bool = False,
    output: str | Path | None = None,
    say: Say | None = None,
    **options: Unpack[ExportOptions],
) -> Export:
    """A model written for other programs and devices, once it was seen to find what the network finds.

    Each file is run on images and compared with the network in plain numpy; one that finds something else is
    not written. docs/export.md has names, shapes and types of inputs and outputs.

    >>> import tempfile
    >>> from detector import export
    >>> export(output=f"{tempfile.mkdtemp()}/cats.tflite", classes=["cat"])
    <Export cats.tflite: 12.11 MB, 1 of 1 detections found again>

    Args:
        model: a released model's name, the folder of a training run, or a ``.npz`` file of weights.
        format: what to write.
        quantize: ``"fp16"`` halves the file; ``"int8"`` quarters it and computes in integers.
        postprocess: put normalisation, box decoding and suppression inside: bytes in, detections out.
        output: file to write, or folder for a SavedModel and a bundle; ``export/NAME`` if it is not given.
        say: takes a line for each thing that is measured or takes time; None for silence.
        options: ``bundle`` writes a folder with all that a consumer needs, in place of a format.
            ``calibration`` is a folder of images like those that the model will see, for int8, and to
            compare on where none are annotated; what a run was trained on if not given. ``dataset`` are
            annotated images to compare AP on, as ``load_dataset`` takes or gives them; a run's validation
            images if not given; of a classifier they are a folder of pictures for each class, and AP is
            accuracy. ``classes`` are the names of those to keep; ``input_size`` is another size of the
            input: a side in pixels or ``"HEIGHTxWIDTH"``, for which weights are made to fit without
            training. With post-processing inside there may be several, such as ``[300, 512]``: the file
            takes one picture of the largest, makes the smaller ones of it, and pools what is found.
            ``max_ap_drop`` are the points of AP that may be lost, .1, .2 with fp16 and 1 with int8 if not
            given. A classifier takes no ``bundle``, ``classes``, ``postprocess`` and no more than one size.
            ``progress`` shows progress bars, at a terminal.

    Raises:
        ExportError: it answers something else than the network; it has the numbers, in ``comparisons``. It is
            a DetectorError, in ``detector.exports.outcome``.
        DetectorError: a model, images or a folder that cannot be used, or a runtime that is not installed.
        ValueError: an argument that is none of its kind, or not in its range.
    """
    refuse_unknown("export", options, ExportOptions)
    check_model(model)
    request = _build_request(
        str(model), format, quantize, postprocess, optional_path("output", output), options
    )
    with bars_wanted(options.get("progress", False)):
        return write_export(request, say or ignore)


def _build_request(
    model: str,
    format: FormatName,
    quantize: Precision,
    postprocess: bool,
    output: Path | None,
    options: ExportOptions,
) -> Request:
    """What is asked for, checked as far as it can be by itself."""
    dataset = options.get("dataset")
    return Request(
        model=model,
        format=format,
        quantize=quantize,
        postprocess=postprocess,
        output=output,
        bundle=options.get("bundle"),
        calibration=optional_path("calibration", options.get("calibration")),
        dataset=dataset if isinstance(dataset, Dataset) else optional_path("the dataset", dataset),
        classes=class_list(options.get("classes")),
        input_size=options.get("input_size"),
        max_ap_drop=options.get("max_ap_drop"),
    )
