"""The words of other tools: taken where they mean the same here, otherwise answered with one hint."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence

import click

COMMANDS = {
    "predict": "detect",
    "val": "eval",
    "validate": "eval",
    "evaluate": "eval",
    "benchmark": "bench",
    "finetune": "train",
    "convert": "export",
    "live": "demo",
    "webcam": "demo",
}
COMMAND_HINTS = {
    "track": "`demo --track` numbers objects from frame to frame",
    "check": "`doctor` looks at this machine, `data check FOLDER` at labelled images",
    "download": "`data coco FOLDER` fetches COCO, `weights fetch` the weights",
    "test": "`eval DATASET --split test` measures on a test split",
    "serve": "`demo --web --host 0.0.0.0` shows a camera to browsers",
    "info": "`model` describes a network, `doctor` this machine",
    "help": "--help behind any command describes it",
    "version": "--version tells it",
}

# An option of another tool, and what stands for it: an option that a command has, with what comes before the
# value; nothing for an argument without an option. The first that a command has is taken.
_SET = "--set"
_SCORE = (("--score", ""), ("--score-threshold", ""))
_OPTIONS: dict[str, tuple[tuple[str, str], ...]] = {
    "--conf": _SCORE,
    "--conf-thres": _SCORE,
    "--confidence": _SCORE,
    "--threshold": _SCORE,
    "--score": _SCORE,
    "--imgsz": (("--input-size", ""),),
    "--img-size": (("--input-size", ""),),
    "--image-size": (("--input-size", ""),),
    "--weights": (("--model", ""), (_SET, "training.initial_weights="), ("", "")),
    "--checkpoint": (("--model", ""), (_SET, "training.initial_weights="), ("", "")),
    "--source": (("", ""),),
    "--input": (("--source", ""), ("--from", ""), ("", "")),
    "--data": (("--dataset", ""), ("", "")),
    "--dataset": (("", ""),),
    "--name": (),
    "--save-txt": (),
    "--project": (("--output", ""),),
    "--output-dir": (("--output", ""),),
    "--out": (("--output", ""),),
    "--batch-size": (("--batch", ""),),
    "--lr": ((_SET, "optimizer.learning_rate="),),
    "--lr0": ((_SET, "optimizer.learning_rate="),),
    "--learning-rate": ((_SET, "optimizer.learning_rate="),),
    "--patience": ((_SET, "training.patience="),),
    "--seed": ((_SET, "training.seed="),),
    "--device": (),
    "--workers": (),
    "--iou": (),
    "--max-det": (("--max-detections", ""),),
    "--augment": (),
    "--show": (),
    "--half": (),
    "--int8": (),
}
_HINTS = {
    "--device": "TensorFlow takes a GPU that it finds; --backend chooses what runs a model, --threads how "
    "many processors",
    "--workers": "all processors are used; --threads takes fewer, where a command has it",
    "--iou": "the IoU threshold of suppression is the model's; Detector.load(iou_threshold=...) in Python",
    "--augment": "--accurate looks at two sizes, which finds more than mirrored pictures do",
    "--show": "`demo` shows pictures and videos while it looks at them; `detect` writes them",
    "--name": "--output names the folder",
    "--save-txt": "`detect` writes detections.json, in COCO's results format",
    "--half": "export has --quantize fp16",
    "--int8": "export has --quantize int8",
}
_ASSIGNMENT = re.compile(r"(source|model|data|epochs|imgsz|batch|conf|iou|device|format|mode|task)=(.*)")


def translate(arguments: Sequence[str], own: Iterable[str], *, positional: bool) -> list[str]:
    """The arguments with words of other tools replaced by those of a command.

    Args:
        arguments: as typed.
        own: all options that the command has; they are left as they are.
        positional: whether it takes an argument without an option.

    Raises:
        click.UsageError: a word that has no counterpart, with a hint.
    """
    own = set(own)
    translated: list[str] = []
    prefix = ""
    for position, argument in enumerate(arguments):
        if argument == "--":
            return translated + list(arguments[position:])
        word, equals, value = argument.partition("=")
        alone = not (position and arguments[position - 1].startswith("-"))  # and no option's value
        if alone and (match := _ASSIGNMENT.fullmatch(argument)) and not os.path.exists(argument):
            written = f"--{match[1]} {match[2] or 'VALUE'}"
            raise click.UsageError(f"Options are written {written} here, not {argument}.")
        if prefix:  # the value of the option before
            translated.append(prefix + argument)
            prefix = ""
        elif word in own or word not in _OPTIONS:
            translated.append(argument)
        else:
            option, before = _counterpart(word, own, positional=positional)
            if not equals and position + 1 == len(arguments):
                raise click.UsageError(f"Option {word!r} requires an argument.")
            translated += [option] if option else []
            prefix = before
            if equals:
                translated.append(before + value)
                prefix = ""
    return translated


def _counterpart(word: str, own: set[str], *, positional: bool) -> tuple[str, str]:
    for option, before in _OPTIONS[word]:
        if option in own or (option == "" and positional):
            return option, before
    if word in _HINTS:
        raise click.UsageError(f"There is no {word} here: {_HINTS[word]}.")
    raise click.NoSuchOption(word, possibilities=[option for option, _ in _OPTIONS[word] if option in own])
