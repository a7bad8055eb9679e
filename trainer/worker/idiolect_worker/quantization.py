"""Weight matrices as integers with scales. Works in blocks of rows, so that a bfloat16 matrix is never held in float32 whole."""

from collections.abc import Callable

import torch

# Elements per group that shares a scale in blockwise quantization.
BLOCK = 32
_ROWS_AT_ONCE = 4096
_SMALLEST = 1e-8


def per_row_int8(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """[N,K] → symmetric int8 [N,K], float32 scales [N]: weight ≈ integers · scale."""

    def quantize(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        scales = rows.abs().amax(1).clamp(min=_SMALLEST) / 127
        return (rows / scales[:, None]).round().to(torch.int8), scales

    return _by_rows(weight, quantize)


def blockwise_uint8(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """[N,K] → uint8 [N,K/BLOCK,BLOCK] around 128, float32 scales [N,K/BLOCK]: the layout of MatMulNBits. K is a multiple of BLOCK."""

    def quantize(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        blocks = rows.unflatten(1, (-1, BLOCK))
        scales = blocks.abs().amax(2).clamp(min=_SMALLEST) / 127
        return ((blocks / scales[..., None]).round() + 128).to(torch.uint8), scales

    return _by_rows(weight, quantize)


def _by_rows(weight: torch.Tensor, quantize: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]) -> tuple[torch.Tensor, torch.Tensor]:
    parts = [quantize(rows.float()) for rows in weight.split(_ROWS_AT_ONCE)]
    integers, scales = zip(*parts, strict=True)
    return torch.cat(integers), torch.cat(scales)
