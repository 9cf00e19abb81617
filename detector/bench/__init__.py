"""Speed: ``ssdlite bench``, and what other measurements share with it."""

from detector.system.timing import Timing, resident_memory_mb, time_interleaved

__all__ = ["Timing", "resident_memory_mb", "time_interleaved"]
