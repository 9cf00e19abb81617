"""The TensorFlow side: the network that is trained. Nothing of the core imports this package at start."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is there, which says much at its start
