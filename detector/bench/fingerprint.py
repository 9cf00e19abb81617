"""What a machine is, as far as speed depends on it; nothing of whose it is."""

from __future__ import annotations

import os
import platform
import sys
from datetime import date
from pathlib import Path
from typing import TypedDict

from detector.system.machine import available_threads, cpu_name, installed_version
from detector.version import __version__

PACKAGES = (
    "numpy", "opencv-python", "ai-edge-litert", "openvino", "onnxruntime", "tensorflow", "pycocotools",
)  # fmt: skip

# What the kernels of the runtimes ask for, as Linux calls it, and as people call it.
_INSTRUCTIONS = {
    "sse4_2": "SSE4.2", "avx": "AVX", "f16c": "F16C", "fma": "FMA", "avx2": "AVX2", "avx_vnni": "AVX-VNNI",
    "avx512f": "AVX-512", "avx512_vnni": "AVX-512 VNNI", "avx512_bf16": "AVX-512 BF16",
    "amx_int8": "AMX INT8", "amx_bf16": "AMX BF16",
    "neon": "NEON", "asimd": "NEON", "asimdhp": "FP16", "asimddp": "dot product", "i8mm": "I8MM",
    "bf16": "BF16", "sve": "SVE", "sme": "SME",
}  # fmt: skip


class Machine(TypedDict):
    """A machine as JSON has it; None is what the system does not tell."""

    date: str
    cpu: str
    architecture: str
    instructions: list[str]
    processors: int | None
    processors_available: int
    memory_gb: float | None
    system: str
    python: str
    packages: dict[str, str]


def take_fingerprint() -> Machine:
    """Processor, memory, system and versions."""
    versions = {name: installed_version(name) for name in PACKAGES}
    return {
        "date": date.today().isoformat(),
        "cpu": cpu_name(),
        "architecture": platform.machine(),
        "instructions": find_instructions(),
        "processors": os.cpu_count(),
        "processors_available": available_threads(),
        "memory_gb": _memory_gb(),
        "system": _system(),
        "python": platform.python_version(),
        "packages": {"ssdlite": __version__} | {name: each for name, each in versions.items() if each},
    }


def find_instructions(cpuinfo: Path = Path("/proc/cpuinfo")) -> list[str]:
    """The instruction sets that make inference quick, of those that the processor has."""
    try:
        lines = cpuinfo.read_text(errors="replace").splitlines()
    except OSError:
        import cv2

        # OpenCV marks what it could use with * and what of it this processor lacks with ?.
        marked = cv2.getCPUFeaturesLine().split()
        return [name.lstrip("*") for name in marked if not name.endswith("?")]
    flags = next((line for line in lines if line.lower().startswith(("flags", "features"))), "")
    present = set(flags.partition(":")[2].split())
    return list(dict.fromkeys(name for flag, name in _INSTRUCTIONS.items() if flag in present))


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, OSError, ValueError):  # Windows has no sysconf
        return None


def _system() -> str:
    if sys.platform == "linux":
        try:
            return f"{platform.freedesktop_os_release()['PRETTY_NAME']}, Linux {platform.release()}"
        except (OSError, KeyError):
            return f"Linux {platform.release()}"
    return f"{platform.system()} {platform.release()}"
