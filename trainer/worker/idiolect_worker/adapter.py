"""LoRA adapters in PEFT's own form: every linear layer of every block."""

import json
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

from .contract import Recipe
from .failure import Failure
from .files import complete_files

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
NEW, PARENT = "default", "parent"
# Half the size on disk and on the wire; the server computes in float32 from it.
STORED_TYPE = torch.bfloat16
FILES = ("adapter_config.json", "adapter_model.safetensors")


def adapted_model(base: Path, parent: Path | None, recipe: Recipe, device: torch.device, dtype: torch.dtype) -> PeftModel:
    """The base in `dtype`, frozen; on it the parent, frozen but active; on both a new adapter in float32, the only part that trains."""
    try:
        model = AutoModelForCausalLM.from_pretrained(base, dtype=dtype, local_files_only=True, use_safetensors=True)
    except (OSError, SafetensorError) as error:
        raise Failure("bad-input", f"the base {base} cannot be opened ({str(error).splitlines()[0]}); import it again") from error
    config = LoraConfig(task_type="CAUSAL_LM", r=recipe.rank, lora_alpha=recipe.alpha, lora_dropout=recipe.dropout, target_modules=TARGETS)
    if parent is None:
        torch.manual_seed(recipe.seed)
        adapted = get_peft_model(model, config, adapter_name=NEW)
    else:
        adapted = _with_parent(model, parent)
        torch.manual_seed(recipe.seed)
        adapted.add_adapter(NEW, config)
        adapted.base_model.set_adapter([PARENT, NEW])
    for name, parameter in adapted.named_parameters():
        parameter.requires_grad_(f".{NEW}." in name)
    return adapted.to(device)


def trainable(model: PeftModel) -> dict[str, torch.nn.Parameter]:
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def save_adapter(model: PeftModel, folder: Path) -> None:
    """PEFT's two files; by hand, since PEFT's own writer adds the base's path and keeps no fixed order."""
    weights = {name: tensor.to("cpu", STORED_TYPE).contiguous() for name, tensor in get_peft_model_state_dict(model, adapter_name=NEW).items()}
    config = model.peft_config[NEW].to_dict() | {"base_model_name_or_path": None, "inference_mode": True, "target_modules": TARGETS}
    with complete_files(folder, last=FILES[1]) as staging:
        text = json.dumps(config, indent=2, sort_keys=True, default=sorted)
        (staging / FILES[0]).write_text(text + "\n", encoding="utf-8")
        save_file(weights, staging / FILES[1], metadata={"format": "pt"})


def _with_parent(model: torch.nn.Module, parent: Path) -> PeftModel:
    for name in FILES:
        if not (parent / name).is_file():
            raise Failure("bad-input", f"the parent adapter {parent} has no {name}; publish it again or train without a parent")
    try:
        return PeftModel.from_pretrained(model, parent, adapter_name=PARENT)
    except (RuntimeError, ValueError, TypeError, SafetensorError) as error:
        raise Failure("bad-input", f"the parent adapter {parent} does not fit the base ({str(error).splitlines()[0]}); train it again on this base") from error
