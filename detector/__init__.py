"""SSDLite MobileNetV2 object detection.

=====================  ==============================================================
``Detector``           a model, ready to be shown images; ``Detector.load`` makes one
``Detections``         what it returns: ``boxes``, ``scores``, ``labels``, ``names``
``ModelSpec``          all that has to be known about a network to use it
``load_image``         the one image decoder
``draw_detections``    detections drawn onto an image
``DetectorError``      the base of every error that a user can act on
=====================  ==============================================================
"""

from typing import TYPE_CHECKING, Any

from detector.errors import DetectorError

if TYPE_CHECKING:
    from detector.detections import Detections
    from detector.drawing import draw_detections
    from detector.images import load_image
    from detector.runtime import Detector
    from detector.spec import ModelSpec

__version__ = "0.1.0"
__all__ = ["Detections", "Detector", "DetectorError", "ModelSpec", "draw_detections", "load_image"]

_HOME = {
    "Detections": "detector.detections",
    "Detector": "detector.runtime",
    "ModelSpec": "detector.spec",
    "draw_detections": "detector.drawing",
    "load_image": "detector.images",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: ``ssdlite --help`` needs none of them."""
    from importlib import import_module

    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'detector' has no attribute {name!r}")
