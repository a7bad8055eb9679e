"""What the graph needs to know of a model, read from its config.json."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .failure import Failure

FAMILIES = ("qwen2", "llama")


@dataclass(frozen=True)
class Architecture:
    """A decoder of the Llama or Qwen2 family: the two differ in biases only, which the weights themselves show."""

    family: str
    layers: int
    heads: int
    key_value_heads: int
    head_dimension: int
    hidden: int
    intermediate: int
    vocabulary: int
    norm_epsilon: float
    rope_theta: float


def read_architecture(folder: Path) -> Architecture:
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Failure("bad-input", f"{folder} has no config.json; import the base again") from None
    except ValueError as error:
        raise Failure("bad-input", f"{path} is not JSON ({error}); import the base again") from None
    return architecture_of(config, str(folder))


def architecture_of(config: dict[str, Any], name: str) -> Architecture:
    """Raises Failure for whatever the graph would silently get wrong."""
    family = config.get("model_type")
    if family not in FAMILIES:
        raise Failure("bad-input", f"{name} is of the family {family}, which cannot be served; choose a model of the Llama or Qwen2 family")
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    rope_type = rope.get("rope_type", rope.get("type", "default"))
    if rope_type != "default" or rope.get("partial_rotary_factor", 1) != 1:
        raise Failure("bad-input", f"{name} scales its rotary positions ({rope_type}), which the graph does not do; choose a model without RoPE scaling")
    if config.get("use_sliding_window"):
        raise Failure("bad-input", f"{name} uses sliding-window attention, which the graph does not do; choose a model with full attention")
    if config.get("hidden_act") != "silu":
        raise Failure("bad-input", f"{name} uses the activation {config.get('hidden_act')}, but the graph knows silu only; choose another model")
    try:
        heads = config["num_attention_heads"]
        return Architecture(
            family=family,
            layers=config["num_hidden_layers"],
            heads=heads,
            key_value_heads=config["num_key_value_heads"],
            head_dimension=config.get("head_dim") or config["hidden_size"] // heads,
            hidden=config["hidden_size"],
            intermediate=config["intermediate_size"],
            vocabulary=config["vocab_size"],
            norm_epsilon=config["rms_norm_eps"],
            rope_theta=rope["rope_theta"] if "rope_theta" in rope else config["rope_theta"],
        )
    except KeyError as missing:
        raise Failure("bad-input", f"the configuration of {name} lacks {missing}; the model is of another version, choose one for transformers") from None
