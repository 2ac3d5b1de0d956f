"""What the machine can do: its device, its fast precision, its name."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import torch

from foveate.errors import UsageError

DEVICES = ("auto", "cpu", "cuda", "mps")


def resolve_device(name: str) -> torch.device:
    """auto is CUDA where there is a GPU, then Apple's MPS, then the CPU. Raises UsageError for what is not there."""
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(device for device, there in available.items() if there))
    kind = name.partition(":")[0]
    if kind not in available:
        raise UsageError(f"there is no device {name!r}: give one of {', '.join(DEVICES)}.")
    if not available[kind]:
        raise UsageError(f"this machine has no {kind} device that torch can use: give --device auto or cpu.")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"there is no device {name!r}: give one of {', '.join(DEVICES)}.") from error
    if kind == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UsageError(f"there is no device {name!r}: this machine has {torch.cuda.device_count()} of that kind.")
    return device


def resolve_precision(name: str, device: torch.device) -> str:
    """auto is bfloat16 where the device computes in it directly, else float32."""
    if name != "auto":
        return name
    return "bfloat16" if fast_in_bfloat16(device) else "float32"


def fast_in_bfloat16(device: torch.device) -> bool:
    """Whether the device has instructions for bfloat16 products, not only an emulation."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu" and hasattr(torch.cpu, "get_capabilities"):
        abilities: dict[str, Any] = dict(torch.cpu.get_capabilities())
        return bool(abilities.get("avx512_bf16") or abilities.get("amx_bf16"))
    return False


def default_threads() -> int:
    """CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def hardware(device: torch.device) -> str:
    """The device in words, for run.json and the report."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        cpu = names[0] if names else cpu
    return f"{cpu}, {default_threads()} cores"
