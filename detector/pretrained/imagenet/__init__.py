"""Classifiers that were trained on ImageNet, read for their backbones, as they are published."""
