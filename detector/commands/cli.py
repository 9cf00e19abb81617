"""The ``ssdlite`` command. Heavy imports happen inside the commands, so that ``--help`` is quick."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from detector.commands.command_line import OneValueGroup, abandon_output, echo, prepare_streams
from detector.errors import DetectorError
from detector.system.processes import check_not_hidden
from detector.version import __version__

DEFAULT_MODEL = "ssdlite_mobilenet_v2_coco"
_BACKEND_NAMES = ("litert", "tensorflow", "openvino", "onnxruntime")


class _Score(click.FloatRange):
    """A score in [0, 1)."""

    def __init__(self) -> None:
        super().__init__(0, 1, max_open=True)

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        score = super().convert(value, param, ctx)
        if score != score:
            self.fail("a number is expected, not nan.", param, ctx)
        return score


class _Numbers(click.ParamType):  # type: ignore[type-arg]
    """Numbers of threads, joined by commas."""

    name = "numbers"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        if not isinstance(value, str):
            return value
        words = [word.strip() for word in value.split(",")] if value else []
        if not all(word.isdecimal() and len(word) < 5 and 1 <= int(word) <= 1024 for word in words):
            self.fail(f"numbers from 1 to 1024 are expected, joined by commas, not {value!r}.", param, ctx)
        return tuple(map(int, words))


Command = TypeVar("Command", bound=Callable[..., Any])
_PATH = click.Path(path_type=Path)


def _options(*options: Any) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


_model_option = click.option(
    "--model",
    default=DEFAULT_MODEL,
    show_default=True,
    metavar="NAME|FILE",
    help="A released model, the folder of a training run or of a SavedModel, or a .npz, .tflite, .onnx or "
    "OpenVINO .xml file of this project.",
)
_threads_option = click.option(
    "--threads", type=click.IntRange(1, 1024), help="Processors to use.  [default: all]"
)
_backend_option = click.option(
    "--backend",
    type=click.Choice(_BACKEND_NAMES),
    help="Runtime.  [default: what the model's file was made for; litert for names and weights]",
)
_trust_option = click.option(
    "--trust", is_flag=True, help="Run a SavedModel, which is a program and can do what you can do."
)
_runtime_options = _options(
    _model_option,
    _trust_option,
    _backend_option,
    _threads_option,
    click.option(
        "--classes",
        metavar="NAMES",
        help="Look for these classes alone, for example 'person,traffic light' (names with commas in double "
        "quotes: '\"cup, large\",person').",
    ),
)
_score_option = click.option(
    "--score",
    "--score-threshold",
    "score_threshold",
    type=_Score(),
    default=0.4,
    show_default=True,
    help="Least score of a detection.",
)
_accuracy_options = _options(
    click.option("--voting", is_flag=True, help="Move each box to the mean of those around it: more AP."),
    click.option(
        "--tile",
        type=click.IntRange(100, 20_000),
        metavar="PIXELS",
        help="Look at larger images also in tiles of this side, for small objects.",
    ),
)
_selection_options = _options(
    click.option(
        "--split", help="Which annotations to take.  [default: val2017, val or test, or the only ones]"
    ),
    click.option("--image-ids", type=_PATH, help="File with the ids of the images to take, one a line."),
    click.option("--limit", type=click.IntRange(1), help="Take the first images only."),
)


_rounds_option = click.option(
    "--rounds",
    type=click.IntRange(10, 100_000),
    default=1000,
    show_default=True,
    help="Resamplings of the images, for the intervals.",
)


def _is_given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


@click.group(
    cls=OneValueGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="ssdlite")
def cli() -> None:
    """Object detection with SSDLite MobileNetV2.

    Start with `ssdlite demo` for a webcam or `ssdlite detect PHOTO`. Evaluate on COCO with `ssdlite eval
    COCO_FOLDER`.
    """


@cli.command("eval")
@click.argument("dataset", type=_PATH, required=False)
@_runtime_options
@click.option("--images", type=_PATH, help="Folder of images, if it is not found by itself.")
@click.option("--annotations", type=_PATH, help="COCO JSON file, if it is not found by itself.")
@_selection_options
@click.option(
    "--resize",
    type=click.Choice(["half-pixel", "tf1"]),
    default="half-pixel",
    show_default=True,
    help="tf1 is the resize of the released TensorFlow 1 graph, for parity.",
)
@click.option(
    "--score-threshold",
    type=_Score(),
    help="Least score.  [default: the model's]",
)
@click.option(
    "--max-detections", type=click.IntRange(1, 5000), help="Detections an image.  [default: the model's]"
)
@click.option(
    "--detections",
    type=_PATH,
    help="File in COCO's results format to evaluate in place of a model, whatever wrote it.",
)
@_accuracy_options
@click.option("--per-class", is_flag=True, help="Print the AP of each class.")
@click.option("--output", type=_PATH, help="Folder for metrics.json and detections.json.")
@click.option(
    "--report", type=_PATH, help="Folder for report.html: where AP is lost, with intervals and pictures."
)
@_rounds_option
@click.option(
    "--write-thresholds",
    type=_PATH,
    metavar="FILE",
    help="Write the model with the best score threshold of each class, which `ssdlite detect` then uses.",
)
@click.pass_context
def eval_command(context: click.Context, /, **options: Any) -> None:
    """Evaluate a model on a dataset: the 12 COCO numbers, by pycocotools.

    DATASET is a folder in any of COCO's usual layouts, a COCO JSON file, or a folder with labels of another
    kind that `ssdlite train` takes. Without it the photographs that come with the package are used, to show
    that everything works.
    """
    from detector.commands.eval import run_evaluation

    if options["detections"] is not None and _is_given(context, "model"):
        raise click.UsageError("--detections takes the place of a model; leave out --model.")
    run_evaluation(command=context.command_path, **options)


@cli.command()
@click.argument("dataset", type=_PATH, required=False)
@click.option("--config", type=_PATH, help="Experiment file; configs/ has some.  [default: fine-tuning]")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set one key of the experiment, for example training.steps=500. May be given several times.",
)
@click.option("--train", help="Split to train on, or several joined by commas.  [default: train]")
@click.option("--val", help="Split to validate on.  [default: val, or a fifth of the images]")
@click.option("--output", type=_PATH, help="Folder of the run.  [default: runs/NAME]")
@click.option("--resume", type=_PATH, metavar="RUN", help="Go on with a run that was interrupted.")
def train(**options: Any) -> None:
    """Train a detector on your own images.

    DATASET is a folder of images with labels: COCO JSON, Pascal VOC XML, YOLO text, an export of CVAT or of
    Label Studio, or the TFRecords of `ssdlite data records`, recognised by itself. Look at it first with
    `ssdlite data check DATASET`.
    """
    from detector.commands.train import run_train

    run_train(**options)


@cli.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.argument("dataset", type=_PATH)
@click.option("--images", type=_PATH, help="Folder of images, if it is not found by itself.")
@_selection_options
@_trust_option
@_backend_option
@_threads_option
@_rounds_option
@click.option(
    "--tolerance",
    type=click.FloatRange(0, 100),
    default=0.5,
    show_default=True,
    help="Points of AP by which B may be worse before the exit code is 1.",
)
@click.option("--output", type=_PATH, metavar="FILE", help="JSON file for everything that was compared.")
def compare(**options: Any) -> None:
    """Compare two models, or two files of detections, on the same DATASET.

    A and B are each a detections.json in COCO's results format, or a model as in `ssdlite eval --model`.
    Prints AP with intervals from a paired bootstrap, what changed by size, by class and by image, and the
    latency of models. Exits with 1 when B is worse than A by more than --tolerance, to guard a CI.
    """
    from detector.commands.compare import run_compare

    run_compare(**options)


@cli.command()
@click.argument("model", default=DEFAULT_MODEL, metavar="[NAME|RUN|FILE]")
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["tflite", "onnx", "openvino", "saved_model"]),
    default="tflite",
    show_default=True,
    help="What to write.",
)
@click.option(
    "--quantize",
    type=click.Choice(["none", "fp16", "int8"]),
    default="none",
    show_default=True,
    help="fp16 halves the file, int8 quarters it and computes in integers.",
)
@click.option(
    "--postprocess",
    is_flag=True,
    help="Put normalisation, box decoding and suppression inside: bytes in, detections out.",
)
@click.option(
    "--for",
    "bundle",
    type=click.Choice(["frigate", "android", "coral", "python"]),
    help="Write a folder with all that this consumer needs.",
)
@click.option(
    "--calibration",
    type=_PATH,
    metavar="FOLDER",
    help="Images like those that the detector will see, for int8, and to compare on where there are no "
    "annotated ones.  [default: what the run was trained on]",
)
@click.option(
    "--dataset",
    type=_PATH,
    help="Annotated images to compare AP on.  [default: the run's validation images, if it is a run]",
)
@click.option("--classes", metavar="NAMES", help="Keep these classes alone; the others are cut out.")
@click.option(
    "--input-size",
    type=click.IntRange(32, 4096),
    metavar="PIXELS",
    help="Side of the input, where the weights stand it.  [default: the model's]",
)
@click.option(
    "--max-ap-drop",
    type=click.FloatRange(0, 100),
    metavar="POINTS",
    help="AP that may be lost.  [default: 0.1, 0.2 with fp16, 1 with int8]",
)
@click.option("--output", type=_PATH, help="Where to write it.  [default: export/NAME]")
@click.pass_context
def export(context: click.Context, /, **options: Any) -> None:
    """Write a model for other programs and devices.

    Every export is run on images and compared with the network before it is kept; one that finds something
    else is not written, and the exit code is 1. docs/export.md has names and shapes of inputs and outputs.
    """
    from detector.commands.export import run_export

    if options["bundle"] and (_is_given(context, "format_name") or options["postprocess"]):
        raise click.UsageError("--for knows what its consumer needs; leave out --format and --postprocess.")
    run_export(**options)


@cli.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE|FOLDER|GLOB...")
@_runtime_options
@click.option(
    "--score",
    "--score-threshold",
    "score_threshold",
    type=_Score(),
    help="Least score of a detection.  [default: the model's for each class, else 0.4]",
)
@_accuracy_options
@click.option(
    "--output", type=_PATH, default=Path("output/detect"), show_default=True, help="Folder for the results."
)
def detect(**options: Any) -> None:
    """Find objects in images; writes annotated pictures, and detections.json in COCO's results format."""
    from detector.commands.detect import run_detect

    run_detect(**options)


@cli.command()
@click.option(
    "--source",
    default="0",
    show_default=True,
    metavar="CAMERA|FILE|FOLDER|URL|browser",
    help="A camera's number or device, a video, an image, a folder of images, an RTSP or HTTP stream, or the "
    "camera of the browser that looks on.",
)
@_runtime_options
@_score_option
@click.option("--web", is_flag=True, help="Show it in the browser.  [default: where no window can be opened]")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address of the browser view; 0.0.0.0 lets other machines in, with a token.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="Of the browser view; 0 for any that is free.",
)
@click.option("--headless", is_flag=True, help="Show nothing; for --save, --jsonl and counts.")
@click.option("--save", type=_PATH, metavar="FILE", help="Record what is shown: .mp4 or .avi.")
@click.option(
    "--jsonl", type=_PATH, metavar="FILE", help="Write a line of JSON for each frame; - for stdout."
)
@click.option("--max-frames", type=click.IntRange(1), help="End after so many frames.")
@click.option(
    "--insecure", is_flag=True, help="Take any certificate of a https:// or rtsps:// source, password or not."
)
@click.option("--track", is_flag=True, help="Number each object, the same from frame to frame.")
@click.option(
    "--count-line",
    multiple=True,
    metavar="X1,Y1,X2,Y2",
    help="Count what crosses a line: pixels, or shares of the frame if none is over 1. Implies --track.",
)
@click.option(
    "--zone",
    multiple=True,
    metavar="X1,Y1,X2,Y2,X3,Y3...",
    help="Count what is in a polygon, comes in and goes out. Implies --track.",
)
def demo(**options: Any) -> None:
    """Detect live: from a camera by default, in a window or in the browser.

    In the window: space pauses, s saves a snapshot, + and - move the threshold, q or Esc quits.
    """
    from detector.commands.demo import run_demo

    run_demo(**options)


@cli.group()
def weights() -> None:
    """Released weights: fetch, list, remove."""


@weights.command("fetch")
@click.argument("name", default=DEFAULT_MODEL)
@click.option("--from", "from_file", type=_PATH, help="A published archive that is already on this machine.")
def weights_fetch(name: str, from_file: Path | None) -> None:
    """Fetch released weights, verify and cache them, ready to run: no later command has to write there."""
    from detector.pretrained.releases import fetch
    from detector.runtime.model_file import ModelFile

    path = fetch(name, from_file=from_file, say=echo)
    ModelFile(name).tflite()
    echo(f"Ready: {path}")


@weights.command("list")
def weights_list() -> None:
    """List the released weights and what is in the cache."""
    from detector.pretrained.releases import RELEASES, is_cached, is_intact, is_published_intact
    from detector.system.cache import cache_folder, converted_folder
    from detector.system.conversions import find_damaged_conversions

    for name, release in RELEASES.items():
        if not is_cached(name):
            state = "not fetched"
        else:
            state = "in the cache, verified" if is_intact(name) else "in the cache, DAMAGED: fetch it again"
        echo(f"{name}  {state}\n  {release.spec.card['source']} ({release.spec.card['licence']})")
        if not is_published_intact(name):
            echo("  its published archive in the cache is DAMAGED; it is fetched again when needed")
    for path in find_damaged_conversions(converted_folder()):
        echo(f"{path}  DAMAGED; it is made anew when needed")
    echo(f"Cache: {cache_folder()}")


@weights.command("remove")
@click.argument("name", default=DEFAULT_MODEL)
def weights_remove(name: str) -> None:
    """Delete released weights, and what was converted from them, from the cache."""
    from detector.pretrained.releases import is_cached, remove

    present = is_cached(name)
    remove(name)
    echo(f"Removed {name} from the cache." if present else f"{name} is not in the cache.")


@cli.group()
def data() -> None:
    """Datasets."""


@data.command("coco")
@click.argument("folder", type=_PATH)
@click.option(
    "--split",
    type=click.Choice(["val2017", "train2017", "val2014", "train2014"]),
    default="val2017",
    show_default=True,
    help="Which images; val2017 is 1 GB, train2017 19 GB.",
)
@click.option(
    "--server",
    default="https://s3.amazonaws.com/images.cocodataset.org",
    show_default=True,
    help="COCO or a mirror.",
)
def data_coco(folder: Path, split: str, server: str) -> None:
    """Fetch COCO into FOLDER; a download that was cut off goes on where it was."""
    from detector.data.coco_download import download_coco

    dataset = download_coco(folder, split, server=server.rstrip("/"), say=echo)
    echo(f"{split} is ready in {folder}: {len(dataset.images):,} images.")
    echo(f"Next: ssdlite eval {folder} --split {split}")


@data.command("check")
@click.argument("folder", type=_PATH)
@click.option(
    "--train", metavar="SPLIT", help="Split to train on, or several: 'train,val'.  [default: train]"
)
@click.option("--val", metavar="SPLIT", help="Split to validate on.  [default: val, or a fifth of train]")
@click.option(
    "--input-size",
    type=click.IntRange(32, 4096),
    default=300,
    show_default=True,
    help="Of the model, in pixels.",
)
@click.option(
    "--fix", type=_PATH, metavar="OUT", help="Write a repaired copy (COCO JSON) into this new folder."
)
@click.option(
    "--output",
    type=_PATH,
    default=Path("output/check"),
    show_default=True,
    help="Folder for labelled.jpg and findings.json.",
)
def data_check(**options: Any) -> None:
    """Look through the labelled images in FOLDER: COCO JSON, Pascal VOC, YOLO, CVAT, Label Studio.

    Prints what a training would use, how large the objects are and what is wrong with the labels, draws some
    images with their boxes, and writes a list of every finding with its file and line. FOLDER itself is
    never changed; --fix writes a copy in which the boxes and class numbers that can be put right are right,
    the rest is left out, images turned by EXIF are stored upright, and no part has images of another.
    """
    from detector.commands.check import run_check

    run_check(**options)


@data.command("records")
@click.argument("dataset", type=_PATH)
@click.argument("output", type=_PATH)
@click.option(
    "--train", metavar="SPLIT", help="Split to train on, or several: 'train,val'.  [default: train]"
)
@click.option("--val", metavar="SPLIT", help="Split to validate on.  [default: val, or a fifth of train]")
@click.option(
    "--shards", type=click.IntRange(1, 99_999), help="Files of each split.  [default: one for 1,000 images]"
)
def data_records(**options: Any) -> None:
    """Write the labelled images in DATASET as TFRecord files into the folder OUTPUT.

    A few large files instead of many small ones, for network disks and many workers. `ssdlite train OUTPUT`
    trains as on DATASET. Model Garden's TfExampleDecoder reads them too, but does not turn images by EXIF.
    Needs TensorFlow.
    """
    from detector.commands.records import run_records

    run_records(**options)


@cli.command()
@click.argument("model", default=DEFAULT_MODEL, metavar="[NAME|FILE|CONFIG]")
def model(model: str) -> None:
    """Show a model: feature maps, parameters, multiply-adds and where it comes from."""
    from detector.commands.model import run_model

    run_model(model)


@cli.command()
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option(
    "--backends", metavar="NAMES", help="Runtimes to compare, for example 'litert,openvino'.  [default: all]"
)
@click.option(
    "--threads",
    type=_Numbers(),
    default="",
    metavar="N,N...",
    help="Processors to use; each number gives rows of its own.  [default: all processors]",
)
@click.option(
    "--seconds",
    type=click.FloatRange(1, 86_400),
    default=60.0,
    show_default=True,
    help="Time for timing; more makes the ratios steadier.",
)
@click.option("--rounds", type=click.IntRange(1, 100_000), help="Timed rounds, in place of --seconds.")
@click.option(
    "--starts",
    type=click.IntRange(0, 100),
    default=3,
    show_default=True,
    help="New processes of each row, for the time to the first detection and for memory; 0 for none.",
)
@click.option("--dataset", type=_PATH, help="Annotated dataset: adds AP, by backend, and its plot.")
@click.option(
    "--images",
    type=click.IntRange(0),
    default=500,
    show_default=True,
    help="Images for the evaluation's throughput, of the dataset or of the bundled sample; 0 for none.",
)
@click.option("--classes", metavar="NAMES", help="Look for these classes alone, for example 'person,car'.")
@click.option(
    "--score-threshold",
    type=_Score(),
    default=0.4,
    show_default=True,
    help="Least score of a detection, for all rows alike.",
)
@click.option(
    "--baselines/--no-baselines",
    default=True,
    show_default=True,
    help="Take the released graph and OpenCV's runtime along, where they are there.",
)
@_trust_option
@click.option("--output", type=_PATH, metavar="FOLDER", help="Folder for bench.json and bench.svg.")
def bench(**options: Any) -> None:
    """Measure speed: every MODEL on every runtime that is installed and can read it.

    MODEL is a name or a file as for `ssdlite detect`; the released model if none is given. Everything takes
    turns in one run, in blocks of a third of a second, so the ratios hold also on a busy machine. Times are
    those of the bare network and of a whole frame of a camera. The released graph in TensorFlow and OpenCV's
    own runtime take part as baselines, where they are there.
    """
    from detector.commands.bench import run_bench

    options["models"] = options["models"] or (DEFAULT_MODEL,)
    run_bench(**options)


@cli.command()
def doctor() -> None:
    """Show what works on this machine, what does not, and what to do about it.

    Looks at Python, packages, OpenCV, processor, screen, cameras, cache, weights and disk, and tries out the
    backends that are installed. Exits with 0 when everything that the base install promises works and with
    2 when something of it does not; extras, GPU, screen and cameras may be absent.
    """
    from detector.commands.doctor import run_doctor

    run_doctor()


@cli.command()
@click.option("--sbom", type=click.Path(path_type=Path), help="Also write a CycloneDX file, for programs.")
def licenses(sbom: Path | None) -> None:
    """List all that is installed, for the base install and each extra, with its licence.

    Packages that are or carry along something under the GPL are marked.
    """
    from detector.commands.licenses import run_licenses

    run_licenses(sbom)


def main(arguments: Sequence[str] | None = None, *, prog_name: str = "ssdlite", command: Any = cli) -> None:
    """Run the command line and exit: 0 on success, 1 where a comparison says no, 2 on a user's mistake, 130
    on Ctrl-C.
    """
    prepare_streams()
    try:
        check_not_hidden()
        command.main(args=arguments, prog_name=prog_name, standalone_mode=False)
    except click.ClickException as error:
        with suppress(OSError):  # standard error cannot be written; the exit code still tells
            error.show()
        sys.exit(2)
    except DetectorError as error:
        with suppress(OSError):
            for line in error.found:
                echo(f"Found: {line}", err=True)
        _end(f"Error: {error}", 2)
    except (click.Abort, KeyboardInterrupt):
        _end("Stopped.", 130)
    except OSError as error:  # what is left: standard output that cannot be written
        abandon_output()
        _end(f"Error: {error}.", 2)
    except MemoryError:
        _end("Error: out of memory; use fewer --threads or smaller images.", 2)


def _end(sentence: str, code: int) -> NoReturn:
    with suppress(OSError):
        echo(sentence, err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
