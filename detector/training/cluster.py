"""This process among the workers of a cluster, as the environment variable TF_CONFIG describes it."""

from __future__ import annotations

import json
import os
from typing import Any

from detector.training.config import ConfigError


def worker_count() -> int:
    """Number of workers; 0 where there is one process alone."""
    cluster = _tf_config().get("cluster", {})
    count = len(cluster.get("chief", [])) + len(cluster.get("worker", []))
    return count if count > 1 else 0


def is_chief() -> bool:
    """Whether this process writes the run's files: the chief, or else the first worker, or the only one."""
    config = _tf_config()
    task = config.get("task", {})
    if not worker_count() or task.get("type") == "chief":
        return True
    return "chief" not in config["cluster"] and int(task.get("index", 0)) == 0


def _tf_config() -> dict[str, Any]:
    try:
        content = json.loads(os.environ.get("TF_CONFIG", "") or "{}")
    except ValueError as error:
        raise ConfigError(f"The environment variable TF_CONFIG is not JSON ({error}).") from error
    if not isinstance(content, dict):
        raise ConfigError(f"The environment variable TF_CONFIG should be a JSON object, is {content!r}.")
    return content
