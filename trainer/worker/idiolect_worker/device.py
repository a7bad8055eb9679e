"""Where PyTorch computes, and in which number format."""

import torch


def training_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_name() -> str:
    if torch.cuda.is_available():
        return f"cuda ({torch.cuda.get_device_name()})"
    return f"cpu ({torch.get_num_threads()} threads, {'bfloat16' if _cpu_has_bfloat16() else 'float32'})"


def training_type(device: torch.device) -> torch.dtype:
    """bfloat16 where the device multiplies in it; elsewhere it is emulated and slower than float32."""
    is_fast = torch.cuda.is_bf16_supported(including_emulation=False) if device.type == "cuda" else _cpu_has_bfloat16()
    return torch.bfloat16 if is_fast else torch.float32


def _cpu_has_bfloat16() -> bool:
    # PyTorch has no public question for this.
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
