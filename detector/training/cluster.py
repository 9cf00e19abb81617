"""This process among the workers of a cluster, as the environment variable TF_CONFIG describes it."""

from __future__ import annotations

import json
import os
from typing import Any

from detector.config import ConfigError


def worker_count() -> int:
    """Number of workers; 0 where there is no cluster."""
    return len(_tf_config().get("cluster", {}).get("worker", []))


def is_chief() -> bool:
    """Whether this process writes the run's files: the first worker, or the only process."""
    return int(_tf_config().get("task", {}).get("index", 0)) == 0


def _tf_config() -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(os.environ.get("TF_CONFIG", "") or "{}")
    except ValueError as error:
        raise ConfigError(f"The environment variable TF_CONFIG is not JSON ({error}).") from error
    return content
