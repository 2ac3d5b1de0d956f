"""What people give as weights, told by its bytes."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from foveate.errors import UsageError
from foveate.models.weight_files import read_weights

TENSORS = {"conv1.weight": torch.arange(4.0)}


@pytest.mark.parametrize("ending", [".pth", ".pt", ".bin", ".ckpt", ".safetensors"])
@pytest.mark.parametrize("as_zip", [True, False])
def test_a_pickle_of_pytorch_is_named(tmp_path: Path, ending: str, as_zip: bool) -> None:
    file = tmp_path / f"weights{ending}"
    torch.save(TENSORS, file, _use_new_zipfile_serialization=as_zip)
    with pytest.raises(UsageError, match=rf"weights{ending} is a PyTorch pickle.*save_file\(torch.load\("):
        read_weights(file)


def test_the_line_that_converts_does(tmp_path: Path) -> None:
    file = tmp_path / "it's.pth"
    torch.save(TENSORS, file)
    with pytest.raises(UsageError) as raised:
        read_weights(file)
    program = re.search(r'python -c "(.*)" \(', str(raised.value))
    assert program
    subprocess.run([sys.executable, "-W", "ignore", "-c", program[1]], check=True)
    assert read_weights(tmp_path / "it's.safetensors")["conv1.weight"].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.safetensors", b"", "is empty"),
        ("a.safetensors", b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "is a pointer of Git LFS"),
        ("a.safetensors", b"\n<!DOCTYPE html><html>", "is a web page"),
        ("a.safetensors", b"<HTML><body>", "is a web page"),
        ("a.h5", b"\x89HDF\r\n\x1a\n" + bytes(9), "is HDF5, as Keras writes it"),
        ("a.onnx", b"\x08\x07\x12\x07pytorch", "is ONNX"),
        ("a.safetensors.index.json", b'{"weight_map": {}}', "is JSON"),
        ("a.pth", b"PK\x03\x04 cut", "cut off"),
        ("a.safetensors", bytes(range(50)), "cannot read .* as a safetensors file of weights"),
    ],
)
def test_other_files(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UsageError, match=said):
        read_weights(tmp_path / name)


def test_zips_files_that_are_not_there_and_whole_ones(tmp_path: Path) -> None:
    for member, said in (("model.weights.h5", "is a model of Keras"), ("a.txt", "is a zip: unpack it")):
        with zipfile.ZipFile(tmp_path / "a.keras", "w") as opened:
            opened.writestr(member, "x")
        with pytest.raises(UsageError, match=said):
            read_weights(tmp_path / "a.keras")
    with pytest.raises(UsageError, match=r"cannot read the weights .*absent: No such file or directory\."):
        read_weights(tmp_path / "absent")
    with pytest.raises(UsageError, match="Is a directory"):
        read_weights(tmp_path)
    save_file(TENSORS, tmp_path / "whole")
    assert list(read_weights(tmp_path / "whole")) == ["conv1.weight"]
