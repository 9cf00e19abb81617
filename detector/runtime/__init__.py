"""Runs a detector: model files, backends and the Detector itself."""

from detector.runtime.backend import BACKENDS, Backend
from detector.runtime.detector import Detector

__all__ = ["BACKENDS", "Backend", "Detector"]
