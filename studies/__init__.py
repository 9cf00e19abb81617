"""Measurements that the defaults and the documentation rest on; not part of the package.

``python -m studies.NAME --help`` tells what each takes.

=====================  ==============================================================
``postprocessing``     what voting, soft suppression and other rules are worth; docs/postprocessing.md
``tiling``             what tiles are worth on large frames with small objects
``quantization``       what int8 costs, by what stays in float32; docs/export.md
``frame_stages``       where the time of a frame goes; docs/performance.md
``training_speed``     training everything against training on a frozen backbone; docs/training.md
``recipes``            other losses, assignments and pictures beside the default; docs/training.md
``live``               the age of frames, throughput, viewers and a long run; docs/live.md
=====================  ==============================================================

The other modules are theirs.
"""
