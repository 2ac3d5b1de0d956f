"""Files of weights as people have them: safetensors are read, what else there is gets a line that says how to go on."""

from __future__ import annotations

import zipfile
from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from foveate.errors import UsageError

_HEAD = 512  # bytes looked at
_PICKLE = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")  # the first bytes of Python's protocols 2 to 5
_BEGINNINGS = {
    b"\x89hdf": "is HDF5, as Keras writes it: its layers are not those of these networks",
    b"version https://git-lfs": "is a pointer of Git LFS, not the file itself: fetch it with `git lfs pull`",
    b"<!doctype html": "is a web page, not the file: download it again, by the address of the file itself",
    b"<html": "is a web page, not the file: download it again, by the address of the file itself",
    b"{": "is JSON, such as the index of weights in several files: give the one file with all weights",
}


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file. Raises UsageError that says what the file is, if none, and what would do."""
    try:
        return dict(safetensors.torch.load_file(path))
    except (OSError, SafetensorError) as error:
        raise UsageError(_reason(Path(path), error)) from error


def _reason(file: Path, error: Exception) -> str:
    try:
        with file.open("rb") as opened:
            head = opened.read(_HEAD)
    except OSError as refused:
        return f"cannot read the weights {file}: {refused.strerror or refused}."
    kind = _kind(file, head)
    return f"{file} {kind}." if kind else f"cannot read {file} as a safetensors file of weights: {error}."


def _kind(file: Path, head: bytes) -> str:
    """What a file is that holds no safetensors, and what to do; "" where that is unknown."""
    if not head:
        return "is empty: download or copy it again"
    if head.startswith(b"PK"):
        return _kind_of_zip(file)
    if head.startswith(_PICKLE):
        return _pickle(file)
    if file.suffix.lower() == ".onnx":
        return "is ONNX, which holds a network and no weights to start from: give a safetensors file of its weights"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return next((kind for beginning, kind in _BEGINNINGS.items() if text.startswith(beginning)), "")


def _kind_of_zip(file: Path) -> str:
    try:
        with zipfile.ZipFile(file) as opened:
            names = opened.namelist()
    except (OSError, zipfile.BadZipFile):
        return "is a zip, or what PyTorch saves, cut off: download or copy it again"
    if any(name.endswith("data.pkl") for name in names):
        return _pickle(file)
    if any(name.endswith(".weights.h5") for name in names):
        return "is a model of Keras: its layers are not those of these networks"
    return "is a zip: unpack it and give the safetensors file of weights"


def _pickle(file: Path) -> str:
    """Not read here, since a pickle can run code; PyTorch's own reading of weights alone cannot."""
    target = file.with_suffix(".safetensors")
    return (
        'is a PyTorch pickle, weights are read from safetensors. Convert it: python -c "import torch; from '
        f"safetensors.torch import save_file; save_file(torch.load({str(file)!r}, map_location='cpu', "
        f'weights_only=True), {str(target)!r})" (where it holds more than weights, save what stands under '
        "'state_dict' in it)"
    )
