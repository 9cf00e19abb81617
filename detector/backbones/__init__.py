"""The backbones, a file each; another one is one more file, and its name here."""

from __future__ import annotations

from typing import Final, Literal

from detector.backbones.backbone import Backbone
from detector.backbones.mobilenet_v1 import MOBILENET_V1
from detector.backbones.mobilenet_v2 import MOBILENET_V2

BackboneName = Literal["mobilenet_v2", "mobilenet_v1"]
DEFAULT_BACKBONE: Final = "mobilenet_v2"  # of the released model, and of all files that name none

BACKBONES: dict[str, Backbone] = {each.name: each for each in (MOBILENET_V2, MOBILENET_V1)}
