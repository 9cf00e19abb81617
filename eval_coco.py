# /// script
# requires-python = ">=3.10"
# dependencies = ["ssdlite"]
#
# [tool.uv.sources]
# ssdlite = { path = ".", editable = true }
# ///
"""Evaluates a model on COCO: ``uv run eval_coco.py [DATASET]``; the same as ``ssdlite eval``.

The comment above lets uv run this file in a small environment of its own, without TensorFlow.
"""

from detector.commands.cli import main
from detector.commands.eval import eval_command

if __name__ == "__main__":
    main(prog_name="eval_coco.py", command=eval_command)
