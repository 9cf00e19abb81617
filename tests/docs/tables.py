"""What stands for what, and what is not run and why; whatever else README.md and docs/ say is run as it is.

An entry that nothing in the documentation needs any more fails its test.
"""

from __future__ import annotations

# Words of commands, and what they become; None leaves them out.
WORDS: dict[str, str | None] = {
    "[OPTIONS]": None,
    "MODEL": "ssdlite_mobilenet_v2_coco",
    "RUN": "runs/NAME",
    "DATASET": "coco",
    "ANNOTATED": "coco",
    "PHOTOS": "photos",
    "detector/data/sample": "photos",
    "https://example.com/photo.jpg": "PHOTO.jpg",
}

# Options whose word names what is written, so that it must not be there: never a dataset.
WRITTEN = {"--output", "--report", "--fix", "--save", "--jsonl", "--write-thresholds"}

_BENCH = ("--seconds", "1", "--starts", "0", "--images", "0", "--no-baselines")
# Commands by how they begin, and what is added so that they end soon.
ADDED: dict[str, tuple[str, ...]] = {
    "ssdlite train": ("--set", "training.steps=2", "--set", "training.frozen_until=heads"),
    "ssdlite bench": (*_BENCH, "--backends", "litert"),
    "ssdlite bench MODEL.tflite MODEL.xml": _BENCH,
    "ssdlite compare": ("--rounds", "20"),
    "ssdlite eval coco --report": ("--rounds", "20"),
    "ssdlite eval coco --detections": ("--rounds", "20"),
    "ssdlite demo": ("--source", "clip.avi", "--headless"),
}

# Parts of `ssdlite` commands that are parsed only, since they cannot end, or not here.
PARSED_ONLY: dict[str, str] = {
    "--source rtsp://": "needs a camera on the network",
    "--source tcp://": "needs a stream",
    "--source browser": "needs a browser, and serves until Ctrl-C",
    "--web": "serves until Ctrl-C",
    "--mqtt": "needs a broker; tests/commands/test_demo_mqtt.py has one",
    "demo_webcam.py": "needs a camera",
    "ssdlite doctor": "what it says depends on the machine; tests/commands runs it",
    "ssdlite data coco": "fetches gigabytes",
    "ssdlite data example": "fetches a dataset",
    "initial_weights=imagenet": "fetches weights; tests/training/test_initial_weights.py has such",
    "--model imagenet": "fetches weights; tests/pretrained/imagenet/test_classifier.py has such",
    "mobilenet_v2-b0353104.pth": "a file of 14 MB; tests/pretrained/imagenet writes and reads such",
    "ssdlite train NEW": "goes on from a run and its dataset; tests/training has such",
    "ssdlite train records": "a training of days",
    "ssdlite train --resume": "needs a run that was interrupted; tests/training resumes such",
    "ssdlite train FOLDER --watch": "serves a page while it trains; tests/api watches some",
    "--with-model": "three trainings; tests/training and tests/commands judge small ones",
    "ssdlite train FOLDER --folds": "six trainings of more pictures than are here; see tests/training",
    "runtime.strategy=multi_worker_mirrored": "needs two machines",
    "--choose": "the run there was trained on all pictures; tests/commands/test_label_choice.py has others",
    "python -m studies.": "a measurement of minutes to hours; its options are parsed",
}

# Other programs' commands by how they begin, which no test runs.
OTHER_PROGRAMS: dict[str, str] = {
    "pip install": "installs; .ci/first_screen does it with what README.md says",
    "python3 -m venv": "makes an environment",
    "python -m venv": "makes an environment",
    "source venv/bin/activate": "changes a shell",
    "labelling/bin/": "another project's program",
    "jupyter notebook": "opens a browser; test_first_steps.py runs the notebook",
    "%pip install": "installs, in a notebook",
    "rpicam-vid": "Raspberry Pi's program for its camera",
    "sudo": "changes a system",
    "journalctl": "reads a system's log",
    "docker": "needs Docker and a network",
    "uv sync": "makes an environment",
    "pytest": "these are its tests",
    "lint-imports": "part of .ci/run",
    "git clone": "a network; .ci/first_screen clones from a folder",
    "cd ssdlite": "goes where the clone is; .ci/first_screen does",
    ". .venv/bin/activate": "changes a shell; .ci/first_screen does it",
    "bash .ci/run": "runs these tests",
}

# Blocks without a language that are no commands, by how their first line begins.
NOT_COMMANDS: dict[str, str] = {
    "live    open_source -> LiveSource": "a drawing",
    "ssdlite_mobilenet_v2_coco-int8.tflite: 5.12 MB": "what an export prints",
    "Input size 300,384 now": "what the demo prints",
    "Collected: 23 pictures": "what the demo prints",
    "Choosing 3 of 140 pictures": "what labelling prints",
    "What is kept, on 44 images": "what a training prints",
    "photos/": "folders",
}

# Examples in Python that test_loggers.py runs, each in a process of its own, by their first lines.
LOGGERS = ("import mlflow", "import wandb")

# What examples in Python become, so that they end soon and find what they look for.
PYTHON: dict[str, str] = {
    'open_source("0")': 'open_source("clip.avi")',
    "steps=500": 'steps=2, settings={"training.frozen_until": "heads"}',
    'per_class["dog"]': 'per_class["cat"]',
}
