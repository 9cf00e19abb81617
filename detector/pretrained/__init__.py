"""Released weights: fetched, verified, read from their archives, cached."""

from detector.pretrained.releases import DEFAULT_MODEL, RELEASES, weights_path
from detector.system.cache import cache_folder

__all__ = ["DEFAULT_MODEL", "RELEASES", "cache_folder", "weights_path"]
