"""Frames of the live view that are worth labelling, kept in a folder to train on."""
