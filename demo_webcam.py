# /// script
# requires-python = ">=3.10"
# dependencies = ["ssdlite[live]"]
#
# [tool.uv]
# override-dependencies = ["opencv-python-headless ; sys_platform == 'never'"]
#
# [tool.uv.sources]
# ssdlite = { path = ".", editable = true }
# ///
"""Detects live in a webcam's picture: ``uv run demo_webcam.py``; the same as ``ssdlite demo``.

The comment above lets uv run this file in an environment of its own, without TensorFlow.
"""

from detector.commands.cli import main
from detector.commands.demo import demo_command

if __name__ == "__main__":
    main(prog_name="demo_webcam.py", command=demo_command)
