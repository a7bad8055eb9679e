import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from conftest import FAMILIES, QUANTIZATIONS, quiet_control, random_prompts, write_token_file
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from idiolect_worker.adapter import adapted_model, save_adapter
from idiolect_worker.contract import ConvertTask, Parity, ParityTask, Recipe
from idiolect_worker.failure import Failure
from idiolect_worker.graph import FUSED_MODULES, convert
from idiolect_worker.parity import ReferenceModel, divergence, parity
from idiolect_worker.served_graph import ServedGraph

Bases = dict[tuple[str, str], Path]
RECIPE = Recipe(rank=3, alpha=6, dropout=0, learningRate=1e-3, warmup=0, epochs=1, batch=1, microBatch=1, checkpointSeconds=60, seed=1)


def run_parity(base: Path, folder: Path, end_tokens: list[int]) -> Parity:
    prompts = random_prompts(12)
    file = write_token_file(folder / "prompts.safetensors", prompts, [len(prompt) for prompt in prompts])
    task = ParityTask(type="parity", base=str(base), prompts=str(file), maxTokens=12, endTokens=end_tokens, lineBreakTokens=[])
    return parity(task, quiet_control())


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("quantization", QUANTIZATIONS)
def test_graph_answers_as_pytorch(bases: Bases, tmp_path: Path, family: str, quantization: str) -> None:
    result = run_parity(bases[family, quantization], tmp_path, [274])
    assert result.prompts == 12
    if quantization == "fp32":
        assert (result.identical, result.divergence < 1e-6) == (12, True)
    else:
        assert result.identical >= 9
        assert 1e-7 < result.divergence < 0.02


def test_graph_of_other_weights_is_told_apart(bases: Bases, tmp_path: Path) -> None:
    base = Path(shutil.copytree(bases["qwen2", "fp32"], tmp_path / "base"))
    llama = bases["llama", "fp32"]
    for name in ("model.onnx", "model.onnx.data"):
        shutil.copyfile(llama / name, base / name)
    result = run_parity(base, tmp_path, [])
    assert (result.identical, result.divergence > 1) == (0, True)


def test_perturbed_weight_is_told_apart(own_base: Path, tmp_path: Path) -> None:
    before = run_parity(own_base, tmp_path, [])
    graph = onnx.load(own_base / "model.onnx", load_external_data=False).graph
    (weight,) = (one for one in graph.initializer if one.name == "down_1_base_weight")
    place = {entry.key: int(entry.value) for entry in weight.external_data if entry.key != "location"}
    with (own_base / "model.onnx.data").open("r+b") as data:
        data.seek(place["offset"])
        data.write(bytes(place["length"] // 4))
    after = run_parity(own_base, tmp_path, [])
    assert after.divergence > 10 * before.divergence
    assert after.identical < before.identical


def test_texts_end_at_a_line_break(bases: Bases, tmp_path: Path) -> None:
    """With every token a stop, only first tokens are compared, and those agree."""
    base = bases["qwen2", "rowmix"]
    prompts = random_prompts(6)
    file = write_token_file(tmp_path / "prompts.safetensors", prompts, [len(prompt) for prompt in prompts])
    task = ParityTask(type="parity", base=str(base), prompts=str(file), maxTokens=12, endTokens=[], lineBreakTokens=list(range(279)))
    seen: list[int] = []
    assert parity(task, quiet_control(lambda done, total, loss: seen.append(done))).identical == 6
    assert seen == list(range(7))


def test_chunked_prefill_and_single_steps_agree_with_one_pass(bases: Bases) -> None:
    prompt = random_prompts(1, shortest=150, longest=150)[0]
    graph = ServedGraph(bases["llama", "fp32"] / "model.onnx", capacity=160)
    graph.start(prompt[:130])
    for token in prompt[130:]:
        logits = graph.step(token)
    expected = ReferenceModel(bases["llama", "fp32"]).logits(prompt, 1)[0]
    np.testing.assert_allclose(logits, expected, atol=1e-3)


def random_adapter(base: Path, parent: Path | None, seed: int, folder: Path) -> Path:
    model = adapted_model(base, parent, RECIPE, torch.device("cpu"), torch.float32)
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.copy_(torch.randn(parameter.shape, generator=random) * 0.1)
    save_adapter(model, folder)
    return folder


def lora_inputs(folders: list[Path], layers: int) -> dict[str, np.ndarray]:
    """What the server feeds for a stack: ranks concatenated, block-diagonal within fused modules, the scale in b."""
    adapters = [load_file(folder / "adapter_model.safetensors") for folder in folders]
    feeds = {}
    for layer in range(layers):
        for module, parts in FUSED_MODULES.items():
            down, up = [], []
            for weights in adapters:
                prefixes = [f"base_model.model.model.layers.{layer}.{part}" for part in parts]
                down += [weights[f"{prefix}.lora_A.weight"].float() for prefix in prefixes]
                up.append(torch.block_diag(*(weights[f"{prefix}.lora_B.weight"].float() for prefix in prefixes)) * RECIPE.alpha / RECIPE.rank)
            feeds[f"lora_{module}_{layer}_a"] = torch.cat(down).T.contiguous().numpy()
            feeds[f"lora_{module}_{layer}_b"] = torch.cat(up, 1).T.contiguous().numpy()
    return feeds


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("stacked", [False, True])
def test_lora_inputs_equal_peft(bases: Bases, tmp_path: Path, family: str, stacked: bool) -> None:
    base = bases[family, "fp32"]
    folders = [random_adapter(base, None, 1, tmp_path / "organization")]
    if stacked:
        folders.append(random_adapter(base, folders[0], 2, tmp_path / "developer"))
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    adapted = PeftModel.from_pretrained(model, folders[0], adapter_name="0")
    for index, folder in enumerate(folders[1:], 1):
        adapted.load_adapter(folder, adapter_name=str(index))
    adapted.base_model.set_adapter([str(index) for index in range(len(folders))])

    prompt = random_prompts(1, shortest=100, longest=100)[0]
    with torch.no_grad():
        expected = adapted(torch.tensor([prompt])).logits[0, -1].numpy()
    with_adapters = ServedGraph(base / "model.onnx", 128, lora_inputs(folders, layers=2)).start(prompt)
    without = ServedGraph(base / "model.onnx", 128).start(prompt)
    np.testing.assert_allclose(with_adapters, expected, atol=1e-3)
    assert divergence(without, with_adapters) > 0.01


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "gpt2"}, "family gpt2"),
        ({"rope_parameters": {"rope_type": "llama3", "rope_theta": 1e4}}, r"llama3.*choose a model without RoPE scaling"),
        ({"use_sliding_window": True}, "sliding-window"),
        ({"hidden_act": "gelu"}, "activation gelu"),
        ({"hidden_size": 72}, "no multiples of 32"),
        ({"num_hidden_layers": 3}, "lacks the tensor model.layers.2"),
    ],
)
def test_models_that_the_graph_cannot_express_are_refused(own_base: Path, change: dict[str, object], message: str) -> None:
    config = json.loads((own_base / "config.json").read_text())
    (own_base / "config.json").write_text(json.dumps(config | change))
    before = (own_base / "model.onnx").read_bytes()
    with pytest.raises(Failure, match=message):
        convert(ConvertTask(type="convert", base=str(own_base), quantization="rowmix", positions=64), quiet_control())
    assert (own_base / "model.onnx").read_bytes() == before
    assert not list(own_base.glob(".*"))
