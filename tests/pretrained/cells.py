"""A detector of cells as the Object Detection API would have left it: its config, and where it is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from detector.spec import ModelSpec

LABELS = """# made by hand
item { id: 2 name: "/m/02" display_name: "white cell" }
item {
  name: 'red cell'
  id: 1
}
item { id: 3, name: "plate" "let" }
"""
CLASSES = ("red cell", "white cell", "platelet")
SPEC = ModelSpec("cells", CLASSES)
PIPELINE = """
model {{
  ssd {{
    num_classes: {classes}
    box_coder {{ faster_rcnn_box_coder {{ y_scale: 10.0 x_scale: 10.0 height_scale: 5.0 width_scale: 5.0 }} }}
    anchor_generator {{ ssd_anchor_generator {{
      num_layers: 6 min_scale: {low} max_scale: 0.95
      aspect_ratios: [1.0, 2.0] aspect_ratios: 0.5 aspect_ratios: 3.0 aspect_ratios: 0.3333
    }} }}
    image_resizer {{ {resizer} }}
    box_predictor {{ convolutional_box_predictor {{ use_depthwise: {depthwise} kernel_size: 3 }} }}
    feature_extractor {{ type: '{kind}' depth_multiplier: {width} use_depthwise: true }}
    post_processing {{
      batch_non_max_suppression {{ score_threshold: 1e-8 iou_threshold: 0.5 max_total_detections: 50 }}
      score_converter: {scores}
    }}
  }}
}}
"""
VALUES = {
    "classes": 3,
    "low": 0.2,
    "resizer": "fixed_shape_resizer { height: 300 width: 300 }",
    "depthwise": "true",
    "kind": "ssd_mobilenet_v2",
    "width": 1.0,
    "scores": "SIGMOID",
}


def write(folder: Path, content: bytes, pipeline: dict[str, Any] | None = None) -> Path:
    """A folder with a frozen graph and, where values of it are given, a pipeline.config."""
    folder.mkdir(exist_ok=True)
    (folder / "frozen_inference_graph.pb").write_bytes(content)
    if pipeline is not None:
        (folder / "pipeline.config").write_text(PIPELINE.format(**{**VALUES, **pipeline}))
    return folder
