"""The spec inside a ``.tflite`` file.

A zip archive with the spec and a ``labels.txt`` follows the model's own bytes. TFLite ignores it, and any
zip tool reads it.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from detector.classifier_spec import ClassifierSpec
from detector.errors import ModelError
from detector.labels import one_line_names
from detector.spec import MOST_BYTES, ModelSpec
from detector.system.reading import open_regular
from detector.system.zip_files import opened_zip, read_member

SPEC_MEMBER = "model_spec.json"
LABELS_MEMBER = "labels.txt"


def pack_spec(spec: ModelSpec | ClassifierSpec) -> bytes:
    """The bytes to append to a TFLite model."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        # A fixed date keeps the file the same from run to run.
        labels = "\n".join(one_line_names(spec.classes)) + "\n"
        for name, text in ((SPEC_MEMBER, spec.to_json()), (LABELS_MEMBER, labels)):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), text)
    return stream.getvalue()


def replace_spec(model: bytes, spec: ModelSpec | ClassifierSpec) -> bytes:
    """The bytes of a TFLite file with this spec in place of the one that it has."""
    with zipfile.ZipFile(io.BytesIO(model)) as archive:
        start = min(member.header_offset for member in archive.infolist())
    return model[:start] + pack_spec(spec)


def read_spec_text(path: Path) -> str:
    """The JSON of the spec inside a ``.tflite`` file.

    Raises:
        ModelError: no such file, not a TFLite file, cut short, or one without a spec.
    """
    with open_regular(path, ModelError) as file:
        if file.read(8)[4:] != b"TFL3":
            raise ModelError(f"{path} is not a TFLite file.")
        sentence = f"{path} is cut short or was not made by this project: it has no {SPEC_MEMBER} inside"
        with opened_zip(file, sentence, ModelError) as archive:
            return read_member(archive, SPEC_MEMBER, MOST_BYTES).decode()
