"""Task `convert`: authors the serving graph of a base, node by node. Inputs and outputs are documented in server/engine/graph.ts.

Authored rather than traced: a quarter of the nodes, adapters as inputs, only the new keys and values as outputs,
logits only where asked, and a quantization that keeps the real model's answers.
"""

from pathlib import Path

import numpy as np
import torch
from onnx import TensorProto
from safetensors import SafetensorError, safe_open

from .architecture import Architecture, read_architecture
from .contract import ConvertTask
from .control import TaskControl
from .failure import Failure
from .files import complete_files
from .graph_builder import MICROSOFT, GraphBuilder
from .quantization import BLOCK, blockwise_uint8, per_row_int8

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
# PEFT's modules behind each fused linear layer, in output order; the same table stands in server/engine/graph.ts.
FUSED_MODULES = {
    "qkv": ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
    "output": ["self_attn.o_proj"],
    "gate_up": ["mlp.gate_proj", "mlp.up_proj"],
    "down": ["mlp.down_proj"],
}


def convert(task: ConvertTask, control: TaskControl) -> tuple[int, int]:
    """Writes model.onnx and model.onnx.data beside model.safetensors; returns the number of nodes and the bytes of both files."""
    base = Path(task.base)
    architecture = read_architecture(base)
    if task.positions < 1:
        raise Failure("bad-input", f"a graph of {task.positions} positions cannot hold a prompt; ask for at least 1")
    if task.quantization == "rowmix" and (architecture.hidden % BLOCK or architecture.intermediate % BLOCK):
        raise Failure(
            "bad-input", f"the widths of {base} ({architecture.hidden}, {architecture.intermediate}) are no multiples of {BLOCK}; convert it with fp32"
        )
    try:
        weights = Weights(base / "model.safetensors")
    except (FileNotFoundError, SafetensorError) as error:
        raise Failure("bad-input", f"{base}/model.safetensors cannot be read ({error}); import the base again") from None
    with complete_files(base, last="model.onnx") as staging:
        data_name = "model.onnx.data"
        with (staging / data_name).open("wb") as data:
            builder = GraphBuilder(data, data_name)
            DecoderGraph(builder, weights, architecture, task.quantization, task.positions).build(control)
        builder.save(staging / "model.onnx")
    return builder.node_count, sum((base / name).stat().st_size for name in ("model.onnx", data_name))


class Weights:
    """Tensors of a safetensors file by name, each read when it is asked for."""

    def __init__(self, path: Path) -> None:
        self._file = safe_open(path, "pt")
        self._names = set(self._file.keys())

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def __getitem__(self, name: str) -> torch.Tensor:
        if name not in self._names:
            raise Failure("bad-input", f"model.safetensors lacks the tensor {name}; import the base again")
        return self._file.get_tensor(name)


class DecoderGraph:
    """One decoder. S new tokens, C capacity of the past, n positions with logits, r adapter rank."""

    def __init__(self, builder: GraphBuilder, weights: Weights, architecture: Architecture, quantization: str, positions: int) -> None:
        self.builder = builder
        self.weights = weights
        self.architecture = architecture
        self.quantized = quantization == "rowmix"
        self.positions = positions

    def build(self, control: TaskControl) -> None:
        architecture, builder = self.architecture, self.builder
        self._inputs_and_constants()
        state = self._embedding()
        for layer in range(architecture.layers):
            control.stop_if_cancelled()
            control.report(layer, architecture.layers)
            state = self._mlp(layer, self._attention(layer, state))
        asked = builder.node("Gather", [state, "logits_at"], "asked", axis=1)
        head = self.weights["lm_head.weight" if "lm_head.weight" in self.weights else "model.embed_tokens.weight"]
        self._matmul("logits", self._norm(asked, "final_norm", "model.norm.weight"), head, blockwise=True)
        builder.output("logits", FLOAT, [1, "n", architecture.vocabulary])
        control.report(architecture.layers, architecture.layers)

    def _inputs_and_constants(self) -> None:
        architecture, builder = self.architecture, self.builder
        heads, key_value_heads, width = architecture.heads, architecture.key_value_heads, architecture.head_dimension
        builder.input("ids", INT64, [1, "S"])
        builder.input("positions", INT64, [1, "S"])
        builder.input("past_length", INT64, [1])
        builder.input("logits_at", INT64, ["n"])
        builder.integers("first_axis", [0])
        builder.integers("last_axis", [-1])
        builder.integers("one", [1])
        builder.integers("qkv_widths", [heads * width, key_value_heads * width, key_value_heads * width])
        builder.integers("gate_up_widths", [architecture.intermediate, architecture.intermediate])
        builder.integers("key_value_shape", [1, -1, key_value_heads, width])
        builder.constant("smallest", np.array([1e-10], np.float32))
        angles = np.outer(np.arange(self.positions), architecture.rope_theta ** -(np.arange(0, width, 2) / width))
        builder.constant("cosines", np.cos(angles).astype(np.float32))
        builder.constant("sines", np.sin(angles).astype(np.float32))
        # GroupQueryAttention wants the total length, and the index of the last valid key, as int32.
        builder.node("Shape", ["ids"], "new_length", start=1, end=2)
        builder.node("Add", ["new_length", "past_length"], "total_length")
        builder.node("Squeeze", ["total_length", "first_axis"], "total_length_scalar")
        builder.node("Cast", ["total_length_scalar"], "total_length_int32", to=TensorProto.INT32)
        builder.node("Sub", ["total_length", "one"], "last_key")
        builder.node("Cast", ["last_key"], "last_key_int32", to=TensorProto.INT32)

    def _embedding(self) -> str:
        builder, table = self.builder, self.weights["model.embed_tokens.weight"]
        if not self.quantized:
            return builder.node("Gather", [builder.constant("embedding_table", table.float().numpy()), "ids"], "embedding")
        integers, scales = per_row_int8(table)
        builder.constant("embedding_table", integers.numpy())
        builder.constant("embedding_scales", scales[:, None].numpy())
        builder.node("Gather", ["embedding_table", "ids"], "embedding_integers")
        builder.node("Gather", ["embedding_scales", "ids"], "embedding_row_scales")
        builder.node("Cast", ["embedding_integers"], "embedding_unscaled", to=FLOAT)
        return builder.node("Mul", ["embedding_unscaled", "embedding_row_scales"], "embedding")

    def _attention(self, layer: int, state: str) -> str:
        architecture, builder = self.architecture, self.builder
        heads, key_value_heads, width = architecture.heads, architecture.key_value_heads, architecture.head_dimension
        normed = self._norm(state, f"attention_norm_{layer}", f"model.layers.{layer}.input_layernorm.weight")
        qkv = self._linear("qkv", layer, normed)
        query, key, value = builder.nodes("Split", [qkv, "qkv_widths"], [f"query_{layer}", f"flat_key_{layer}", f"flat_value_{layer}"], axis=2)
        query = self._rotated(query, heads)
        key = self._rotated(key, key_value_heads)
        past = [builder.input(f"past_{part}_{layer}", FLOAT, [1, key_value_heads, "C", width]) for part in ("key", "value")]
        for part, flat in (("key", key), ("value", value)):
            split = builder.node("Reshape", [flat, "key_value_shape"], f"{flat}_by_head")
            builder.node("Transpose", [split], f"{part}_{layer}", perm=[0, 2, 1, 3])
            builder.output(f"{part}_{layer}", FLOAT, [1, key_value_heads, "S", width])
        # Its own present keys and values stay inside: handing them out would copy the whole past on every step.
        attended, _, _ = builder.nodes(
            "GroupQueryAttention",
            [query, key, value, *past, "last_key_int32", "total_length_int32"],
            [f"attended_{layer}", f"present_key_{layer}", f"present_value_{layer}"],
            MICROSOFT,
            num_heads=heads,
            kv_num_heads=key_value_heads,
            do_rotary=0,
        )
        return builder.node("Add", [state, self._linear("output", layer, attended)], f"after_attention_{layer}")

    def _mlp(self, layer: int, state: str) -> str:
        builder = self.builder
        normed = self._norm(state, f"mlp_norm_{layer}", f"model.layers.{layer}.post_attention_layernorm.weight")
        gate_up = self._linear("gate_up", layer, normed)
        gate, up = builder.nodes("Split", [gate_up, "gate_up_widths"], [f"gate_{layer}", f"up_{layer}"], axis=2)
        silu = builder.node("QuickGelu", [gate], f"silu_{layer}", MICROSOFT, alpha=1.0)
        gated = builder.node("Mul", [silu, up], f"gated_{layer}")
        return builder.node("Add", [state, self._linear("down", layer, gated)], f"after_mlp_{layer}")

    def _norm(self, state: str, name: str, weight: str) -> str:
        scale = self.builder.constant(f"{name}_weight", self.weights[weight].float().numpy())
        return self.builder.node("SimplifiedLayerNormalization", [state, scale], name, axis=-1, epsilon=self.architecture.norm_epsilon, stash_type=1)

    def _rotated(self, flat: str, heads: int) -> str:
        inputs = [flat, "positions", "cosines", "sines"]
        return self.builder.node(
            "RotaryEmbedding", inputs, f"rotated_{flat}", MICROSOFT, num_heads=heads, rotary_embedding_dim=self.architecture.head_dimension
        )

    def _linear(self, module: str, layer: int, state: str) -> str:
        """A fused linear layer with its adapter: x·Wᵀ + (x·a)·b + bias."""
        builder, name = self.builder, f"{module}_{layer}"
        parts = [f"model.layers.{layer}.{part}" for part in FUSED_MODULES[module]]
        weight = torch.cat([self.weights[f"{part}.weight"] for part in parts])
        outputs, inputs = weight.shape
        product = self._matmul(f"{name}_base", state, weight, blockwise=module == "down")
        a = builder.input(f"lora_{name}_a", FLOAT, [inputs, f"{name}_rank"])
        b = builder.input(f"lora_{name}_b", FLOAT, [f"{name}_rank", outputs])
        low = builder.node("MatMul", [state, a], f"{name}_low")
        adapted = builder.node("Add", [product, builder.node("MatMul", [low, b], f"{name}_adapter")], f"{name}_adapted")
        if f"{parts[0]}.bias" not in self.weights:
            return adapted
        bias = builder.constant(f"{name}_bias", torch.cat([self.weights[f"{part}.bias"] for part in parts]).float().numpy())
        return builder.node("Add", [adapted, bias], f"{name}_biased")

    def _matmul(self, name: str, state: str, weight: torch.Tensor, *, blockwise: bool) -> str:
        """x·Wᵀ for W [N,K]. Quantized, the layers with outliers among their inputs (down, logits) are blockwise, the others per-token int8."""
        if not self.quantized:
            return self.builder.node("MatMul", [state, self.builder.constant(f"{name}_weight", weight.float().numpy().T)], name)
        return self._blockwise_matmul(name, state, weight) if blockwise else self._per_token_matmul(name, state, weight)

    def _blockwise_matmul(self, name: str, state: str, weight: torch.Tensor) -> str:
        builder = self.builder
        integers, scales = blockwise_uint8(weight)
        inputs = [state, builder.constant(f"{name}_weight", integers.numpy()), builder.constant(f"{name}_scales", scales.flatten().numpy())]
        outputs, width = weight.shape
        # accuracy_level 4: multiply in int8; the default is many times slower at 8 bits.
        return builder.node("MatMulNBits", inputs, name, MICROSOFT, K=width, N=outputs, bits=8, block_size=BLOCK, accuracy_level=4)

    def _per_token_matmul(self, name: str, state: str, weight: torch.Tensor) -> str:
        """DynamicQuantizeMatMul has one scale for all tokens, which wrecks the model; so each token is brought to the same range first."""
        builder = self.builder
        integers, scales = per_row_int8(weight)
        builder.constant(f"{name}_weight", integers.T.numpy())
        builder.constant(f"{name}_scales", scales.numpy())
        builder.constant(f"{name}_zeros", np.zeros(len(scales), np.int8))
        builder.node("Abs", [state], f"{name}_magnitude")
        builder.node("ReduceMax", [f"{name}_magnitude", "last_axis"], f"{name}_largest", keepdims=1)
        builder.node("Max", [f"{name}_largest", "smallest"], f"{name}_range")
        builder.node("Div", [state, f"{name}_range"], f"{name}_input")
        weights = [f"{name}_weight", f"{name}_scales", f"{name}_zeros"]
        builder.node("DynamicQuantizeMatMul", [f"{name}_input", *weights], f"{name}_unscaled", MICROSOFT)
        return builder.node("Mul", [f"{name}_unscaled", f"{name}_range"], name)
