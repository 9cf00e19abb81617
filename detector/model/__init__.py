"""The TensorFlow side: the network that is trained. Nothing of the core imports this package at start."""

from detector.system.telemetry import quieten_tensorflow

quieten_tensorflow()
