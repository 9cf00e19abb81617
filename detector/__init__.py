"""SSDLite MobileNetV2 object detection.

=====================  ==============================================================
``Detector``           a model, ready to be shown images; ``Detector.load`` makes one
``Detections``         what it returns: ``boxes``, ``scores``, ``labels``, ``names``
``Classifier``         a model that names whole pictures; ``Classifier.load`` makes one
``Classification``     what that returns: ``name``, ``score``, ``top``
``SecondStage``        a detector, and classifiers that give what it finds its finer names
``ModelSpec``          all that has to be known about a network to use it
``load_dataset``       a folder of annotated images as a ``Dataset``, whatever its format
``evaluate``           the COCO numbers of a model on a dataset: an ``Evaluation``
``compare``            how two models differ on the same images: a ``Comparison``
``train``              a detector from a folder of labelled images: a ``TrainedRun``
``Progress``           where a training is, as its callbacks are told
``export``             a model as a file for other programs and devices: an ``Export``
``load_image``         the one image decoder
``draw_detections``    detections drawn onto an image
``open_source``        a camera, video, stream or folder of images to look at live
``LivePipeline``       detects in what a source shows, while it shows it
``DetectorError``      the base of every error that a user can act on
=====================  ==============================================================
"""

from detector.errors import DetectorError
from detector.version import __version__ as __version__

TYPE_CHECKING = False  # not typing's: Ctrl-C has the shorter to wait until the command can answer it

if TYPE_CHECKING:
    from detector.api.comparison import Comparison, compare
    from detector.api.evaluation import Evaluation, evaluate
    from detector.api.export import export
    from detector.api.inputs import load_dataset
    from detector.api.training import TrainedRun, train
    from detector.classification import Classification
    from detector.data.dataset import Dataset
    from detector.detections import Detections, draw_detections
    from detector.exports.outcome import Export
    from detector.images import load_image
    from detector.runtime import Detector
    from detector.runtime.classifier import Classifier
    from detector.runtime.second_stage import SecondStage
    from detector.spec import ModelSpec
    from detector.training.job import Progress
    from detector.video.pipeline import LivePipeline
    from detector.video.sources import open_source

__all__ = [
    "Classification",
    "Classifier",
    "Comparison",
    "Dataset",
    "Detections",
    "Detector",
    "DetectorError",
    "Evaluation",
    "Export",
    "LivePipeline",
    "ModelSpec",
    "Progress",
    "SecondStage",
    "TrainedRun",
    "compare",
    "draw_detections",
    "evaluate",
    "export",
    "load_dataset",
    "load_image",
    "open_source",
    "train",
]

_HOME = {
    "Classification": "detector.classification",
    "Classifier": "detector.runtime.classifier",
    "Comparison": "detector.api.comparison",
    "Dataset": "detector.data.dataset",
    "Detections": "detector.detections",
    "Detector": "detector.runtime",
    "Evaluation": "detector.api.evaluation",
    "Export": "detector.exports.outcome",
    "LivePipeline": "detector.video.pipeline",
    "ModelSpec": "detector.spec",
    "Progress": "detector.training.job",
    "SecondStage": "detector.runtime.second_stage",
    "TrainedRun": "detector.api.training",
    "compare": "detector.api.comparison",
    "draw_detections": "detector.detections",
    "evaluate": "detector.api.evaluation",
    "export": "detector.api.export",
    "load_dataset": "detector.api.inputs",
    "load_image": "detector.images",
    "open_source": "detector.video.sources",
    "train": "detector.api.training",
}


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: ``ssdlite --help`` needs none of them."""
    from importlib import import_module

    if name in _HOME:
        from detector.system.processes import check_not_hidden

        check_not_hidden()
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'detector' has no attribute {name!r}")
