"""Runs docs/first_steps.ipynb and stores what its cells print and show, in small pictures.

uv run docs/run_first_steps.py
"""

from __future__ import annotations

import tempfile
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import cv2
import nbformat
import numpy as np
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).with_name("first_steps.ipynb")
SIDE, COLOURS = 400, 16  # of a stored picture: pixels, and levels of each colour


def shrink(png: str) -> str:
    """A picture of fewer pixels and colours, which PNG stores in a quarter of the bytes."""
    picture = cv2.imdecode(np.frombuffer(b64decode(png), np.uint8), cv2.IMREAD_COLOR)
    share = min(1.0, SIDE / max(picture.shape))
    small = cv2.resize(picture, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    step = 256 // COLOURS
    return b64encode(cv2.imencode(".png", small // step * step)[1].tobytes()).decode()


def main() -> None:
    notebook: Any = nbformat.read(NOTEBOOK, as_version=4)
    kept = {key: notebook.metadata[key] for key in ("kernelspec", "language_info")}
    with tempfile.TemporaryDirectory() as folder:
        where = {"metadata": {"path": folder}}
        NotebookClient(notebook, timeout=600, resources=where, record_timing=False).execute()
    notebook.metadata = {**kept, "language_info": {"name": "python"}}
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if "image/png" in output.get("data", {}):
                output.data["image/png"] = shrink(output.data["image/png"])
    nbformat.write(notebook, NOTEBOOK)


if __name__ == "__main__":
    main()
