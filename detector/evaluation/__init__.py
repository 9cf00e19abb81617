"""COCO evaluation of a detector."""

from detector.evaluation.coco_metrics import METRICS, CocoMetrics, compute_metrics
from detector.evaluation.evaluate import Evaluation, evaluate

__all__ = ["METRICS", "CocoMetrics", "Evaluation", "compute_metrics", "evaluate"]
