"""Task `import`: opens a GGUF file or a folder of safetensors, and writes the base that everything else starts from.

The weights are stored in bfloat16: tuning runs on exactly these, and the serving graph is authored from them.
"""

import json
import shutil
import struct
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PretrainedConfig, PreTrainedModel

from .architecture import Architecture, architecture_of
from .contract import ImportTask
from .control import TaskControl
from .failure import Failure
from .files import complete_files

WEIGHTS_TYPE = torch.bfloat16
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
# What transformers raises for a file that is damaged, incomplete or of an unknown kind.
UNREADABLE = (OSError, ValueError, KeyError, IndexError, NotImplementedError, struct.error, SafetensorError)
# Where a model came from and how it was packed, which its configuration also tells.
NOT_OF_THE_MODEL = ("quantization_config", "_name_or_path", "_model_name_or_path")


def import_base(task: ImportTask, control: TaskControl) -> Architecture:
    source = Path(task.source)
    _require_source(source, task.gguf)
    control.report(0, 3)
    config = _open_config(source, task.gguf)
    architecture = architecture_of(config.to_dict(), str(source / (task.gguf or "")))
    control.stop_if_cancelled()
    control.report(1, 3)
    model = _open_model(source, task.gguf)
    control.stop_if_cancelled()
    control.report(2, 3)
    with complete_files(Path(task.output), last="model.safetensors") as staging:
        write_model(model, staging)
        _write_tokenizer(source, task.gguf, staging)
    control.report(3, 3)
    return architecture


def _require_source(source: Path, gguf: str | None) -> None:
    for name in [gguf] if gguf is not None else ["config.json", *TOKENIZER_FILES]:
        if not (source / name).is_file():
            raise Failure("bad-input", f"there is no file {source / name}; download the base again or name another source")


def _open_config(source: Path, gguf: str | None) -> PretrainedConfig:
    try:
        return AutoConfig.from_pretrained(source, local_files_only=True, **_gguf(gguf))
    except UNREADABLE as error:
        path = source / (gguf or "config.json")
        raise Failure("bad-input", f"{path} cannot be opened ({_first_line(error)}); choose a model of the Llama or Qwen2 family") from error


def _open_model(source: Path, gguf: str | None) -> PreTrainedModel:
    try:
        return AutoModelForCausalLM.from_pretrained(source, dtype=WEIGHTS_TYPE, local_files_only=True, use_safetensors=True, **_gguf(gguf))
    except UNREADABLE as error:
        raise Failure("bad-input", f"{source / (gguf or '')} holds no complete weights ({_first_line(error)}); download them again") from error


def write_model(model: PreTrainedModel, folder: Path) -> None:
    """Writes config.json and model.safetensors. By hand: a model opened from GGUF refuses to save itself, since it counts as quantized."""
    weights = {name: tensor.detach().to(WEIGHTS_TYPE).contiguous() for name, tensor in model.state_dict().items()}
    if model.config.tie_word_embeddings:
        del weights["lm_head.weight"]
    settings = {name: value for name, value in model.config.to_dict().items() if name not in NOT_OF_THE_MODEL}
    config = type(model.config).from_dict(settings | {"architectures": [type(model).__name__], "dtype": "bfloat16"})
    (folder / "config.json").write_text(config.to_json_string(), encoding="utf-8")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def _write_tokenizer(source: Path, gguf: str | None, folder: Path) -> None:
    if gguf is None:
        for name in TOKENIZER_FILES:
            shutil.copyfile(source / name, folder / name)
        return
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=gguf)
    except UNREADABLE as error:
        raise Failure("bad-input", f"the tokenizer of {source / gguf} cannot be read ({_first_line(error)}); choose another source") from error
    tokenizer.backend_tokenizer.save(str(folder / TOKENIZER_FILES[0]))
    marks = {name: str(mark) for name, mark in tokenizer.special_tokens_map.items() if isinstance(mark, str)}
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", **marks}
    (folder / TOKENIZER_FILES[1]).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _gguf(name: str | None) -> dict[str, str]:
    return {} if name is None else {"gguf_file": name}
