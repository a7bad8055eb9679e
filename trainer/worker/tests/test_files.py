import errno
from pathlib import Path

import pytest
import torch
from conftest import write_token_file
from safetensors.torch import load_file, save_file

from idiolect_worker.failure import Failure
from idiolect_worker.files import complete_files, replace_file
from idiolect_worker.quantization import blockwise_uint8, per_row_int8
from idiolect_worker.token_file import read_token_file


def test_token_file(tmp_path: Path) -> None:
    file = write_token_file(tmp_path / "tokens", [[5, 6, 7], [8], [9, 1]], [1, 1, 2])
    sequences = read_token_file(file, vocabulary=10)
    assert [(one.tokens.tolist(), one.target, one.is_prompt_only) for one in sequences] == [([5, 6, 7], 1, False), ([8], 1, True), ([9, 1], 2, True)]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"targets": torch.tensor([1, 5])}, "target outside its sequence"),
        ({"targets": torch.tensor([0, 1])}, "target outside its sequence"),
        ({"targets": torch.tensor([1])}, "bounds that do not fit"),
        ({"starts": torch.tensor([0, 3, 9])}, "bounds that do not fit"),
        ({"starts": torch.tensor([0, 0, 5])}, "bounds that do not fit"),
        ({"starts": torch.tensor([0]), "targets": torch.tensor([], dtype=torch.int64), "tokens": torch.tensor([], dtype=torch.int32)}, "no sequences"),
        ({"tokens": torch.tensor([1, 2, 3, 4, 10], dtype=torch.int32)}, "outside the base's vocabulary of 10"),
        ({"tokens": torch.tensor([1, 2, 3, 4, -1], dtype=torch.int32)}, "outside the base's vocabulary of 10"),
        ({"tokens": torch.tensor([1, 2, 3, 4, 5])}, "columns of other types"),
        ({"tokens": None}, "is not a token file"),
    ],
)
def test_bad_token_files_are_named(tmp_path: Path, change: dict[str, torch.Tensor | None], problem: str) -> None:
    file = write_token_file(tmp_path / "tokens", [[1, 2, 3], [4, 5]], [2, 1])
    tensors = {name: tensor for name, tensor in (load_file(file) | change).items() if tensor is not None}
    save_file(tensors, file)
    with pytest.raises(Failure, match=f"{file}.*{problem}") as raised:
        read_token_file(file, vocabulary=10)
    assert raised.value.code == "bad-input"


def test_anything_else_is_no_token_file(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("some text that is long enough to be a header")
    for name, problem in (("text", "is not a token file"), ("absent", "does not exist")):
        with pytest.raises(Failure, match=problem):
            read_token_file(tmp_path / name, vocabulary=10)


def write_half(folder: Path) -> None:
    with complete_files(folder, last="mark") as staging:
        (staging / "data").write_text("2")
        raise OSError(errno.ENOSPC, "full")


def test_files_are_complete_or_absent(tmp_path: Path) -> None:
    with complete_files(tmp_path, last="mark") as staging:
        (staging / "mark").write_text("1")
        (staging / "data").write_text("1")
        assert not (tmp_path / "mark").exists()
    with pytest.raises(OSError, match="full"):
        write_half(tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"data": "1", "mark": "1"}
    replace_file(tmp_path / "data", b"3")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"data": "3", "mark": "1"}


@pytest.mark.parametrize("rows", [3, 5000])  # more than one block of rows
def test_quantization_is_as_close_as_eight_bits_can_be(rows: int) -> None:
    weight = torch.randn(rows, 64, generator=torch.Generator().manual_seed(1)).bfloat16()
    weight[1] = 0
    integers, scales = per_row_int8(weight)
    assert ((integers * scales[:, None] - weight.float()).abs() <= scales[:, None] * 0.5001).all()
    blocks, block_scales = blockwise_uint8(weight)
    restored = (blocks.float() - 128) * block_scales[..., None]
    assert ((restored - weight.float().view(rows, 2, 32)).abs() <= block_scales[..., None] * 0.5001).all()
    assert (block_scales <= scales[:, None]).all()
