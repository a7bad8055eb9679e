import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import FAMILIES, quiet_control, random_prompts
from gguf import GGUFWriter
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM

from idiolect_worker.architecture import Architecture
from idiolect_worker.contract import ConvertTask, ImportTask
from idiolect_worker.control import TaskControl
from idiolect_worker.failure import Failure, TaskCancelled
from idiolect_worker.graph import convert
from idiolect_worker.import_base import import_base
from idiolect_worker.parity import ReferenceModel, divergence
from idiolect_worker.served_graph import ServedGraph
from idiolect_worker.tiny import MARKS, tiny_base, tiny_model, tiny_tokenizer

FILES = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]


def task_for(source: Path, output: Path, gguf: str | None = None) -> ImportTask:
    return ImportTask(type="import", source=str(source), gguf=gguf, output=str(output))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    tiny_base("qwen2", tmp_path / "source", seed=3)
    return tmp_path / "source"


@pytest.mark.parametrize("family", FAMILIES)
def test_safetensors_keep_their_weights(tmp_path: Path, family: str) -> None:
    source, output = tmp_path / "source", tmp_path / "base"
    tiny_base(family, source, seed=3)
    architecture = import_base(task_for(source, output), quiet_control())
    assert architecture == Architecture(family, 2, 4, 2, 16, 64, 128, 279, 1e-6, 10000.0)
    assert sorted(path.name for path in output.iterdir()) == FILES
    before, after = load_file(source / "model.safetensors"), load_file(output / "model.safetensors")
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert (output / "tokenizer.json").read_bytes() == (source / "tokenizer.json").read_bytes()


def test_sharded_float32_weights_become_one_bfloat16_file(source: Path, tmp_path: Path) -> None:
    weights = load_file(source / "model.safetensors")
    (source / "model.safetensors").unlink()
    tiny_model("qwen2", 279, 274, seed=3).float().save_pretrained(source, max_shard_size="100KB")
    assert len(list(source.glob("model-*.safetensors"))) > 1
    import_base(task_for(source, tmp_path / "base"), quiet_control())
    imported = load_file(tmp_path / "base" / "model.safetensors")
    assert all(torch.equal(imported[name], weights[name]) for name in weights)


def test_tied_embeddings_stay_tied(source: Path, tmp_path: Path) -> None:
    config = Qwen2Config(**json.loads((source / "config.json").read_text()) | {"tie_word_embeddings": True})
    Qwen2ForCausalLM(config).save_pretrained(source)
    base = tmp_path / "base"
    import_base(task_for(source, base), quiet_control())
    with safe_open(base / "model.safetensors", "pt") as file:
        assert "lm_head.weight" not in file.keys()  # noqa: SIM118
    convert(ConvertTask(type="convert", base=str(base), quantization="fp32", positions=64), quiet_control())
    prompt = random_prompts(1, shortest=30, longest=30)[0]
    assert divergence(ReferenceModel(base).logits(prompt, 1)[0], ServedGraph(base / "model.onnx", 32).start(prompt)) < 1e-6


def write_gguf(folder: Path, source: Path, architecture: str = "qwen2") -> str:
    """The tiny model as a GGUF file of half-precision weights, named and laid out as llama.cpp does."""
    names = {
        "model.embed_tokens": "token_embd",
        "model.norm": "output_norm",
        "lm_head": "output",
        "model.layers.": "blk.",
        "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output",
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
        "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm",
    }
    tokenizer = json.loads((source / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"] | {mark["content"]: mark["id"] for mark in tokenizer["added_tokens"]}
    writer = GGUFWriter(folder / "tiny.gguf", architecture)
    writer.add_block_count(2)
    writer.add_context_length(1024)
    writer.add_embedding_length(64)
    writer.add_feed_forward_length(128)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(279)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(sorted(vocabulary, key=lambda token: vocabulary[token]))
    writer.add_token_types([1] * 274 + [3] * len(MARKS))
    writer.add_token_merges([" ".join(pair) for pair in tokenizer["model"]["merges"]])
    writer.add_eos_token_id(274)
    writer.add_pad_token_id(274)
    for name, tensor in load_file(source / "model.safetensors").items():
        for theirs, ours in names.items():
            name = name.replace(theirs, ours)
        writer.add_tensor(name, tensor.half().numpy() if tensor.dim() == 2 else tensor.float().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return "tiny.gguf"


def test_gguf_gives_the_same_model_as_safetensors(source: Path, tmp_path: Path) -> None:
    gguf, base = write_gguf(tmp_path, source), tmp_path / "base"
    architecture = import_base(task_for(tmp_path, base, gguf), quiet_control())
    assert architecture == replace(import_base(task_for(source, tmp_path / "same"), quiet_control()), norm_epsilon=architecture.norm_epsilon)
    assert architecture.norm_epsilon == pytest.approx(1e-6)
    expected, actual = load_file(source / "model.safetensors"), load_file(base / "model.safetensors")
    assert expected.keys() == actual.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(actual[name], tensor, atol=1e-6, rtol=0.01)
    assert sorted(path.name for path in base.iterdir()) == FILES


def test_gguf_tokenizer_knows_its_marks(source: Path, tmp_path: Path) -> None:
    import_base(task_for(tmp_path, tmp_path / "base", write_gguf(tmp_path, source)), quiet_control())
    tokenizer, expected = AutoTokenizer.from_pretrained(tmp_path / "base"), tiny_tokenizer()
    text = "<|fim_prefix|>final int x = 12;\n\treturn<|fim_suffix|>}\n<|fim_middle|>"
    assert tokenizer(text).input_ids == expected.encode(text).ids
    added = json.loads((tmp_path / "base" / "tokenizer.json").read_text())["added_tokens"]
    assert {mark["content"]: mark["id"] for mark in added} == {mark: 274 + index for index, mark in enumerate(MARKS)}


def test_refusals_name_the_file(source: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"GGUF but not really")
    whole = (tmp_path / write_gguf(tmp_path, source)).read_bytes()
    (tmp_path / "cut.gguf").write_bytes(whole[: len(whole) // 2])
    (source / "tokenizer.json").rename(source / "elsewhere.json")
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.json").write_text('{"model_type": "gpt2"}')
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (other / name).write_text("{}")
    empty = tmp_path / "empty"
    tiny_base("llama", empty, seed=3)
    (empty / "model.safetensors").unlink()
    cases = [
        (tmp_path, "absent.gguf", "there is no file .*absent.gguf"),
        (tmp_path, "broken.gguf", "broken.gguf cannot be opened"),
        (source, None, "there is no file .*tokenizer.json"),
        (other, None, "family gpt2, which cannot be served"),
        (empty, None, "no complete weights"),
        (tmp_path, "cut.gguf", "cut.gguf .*download them again|cut.gguf cannot be opened"),
    ]
    for folder, gguf, message in cases:
        with pytest.raises(Failure, match=message) as raised:
            import_base(task_for(folder, tmp_path / "base", gguf), quiet_control())
        assert raised.value.code == "bad-input"
        assert "\n" not in str(raised.value)
    assert not (tmp_path / "base").exists()


def test_cancel_leaves_nothing(source: Path, tmp_path: Path) -> None:
    stop = threading.Event()
    with pytest.raises(TaskCancelled):
        import_base(task_for(source, tmp_path / "base"), TaskControl(lambda done, total, loss: stop.set(), stop))
    assert not (tmp_path / "base").exists()


def test_tiny_base_is_reproducible(source: Path, tmp_path: Path) -> None:
    for seed, is_same in ((3, True), (4, False)):
        tiny_base("qwen2", tmp_path / str(seed), seed)
        assert ((tmp_path / str(seed) / "model.safetensors").read_bytes() == (source / "model.safetensors").read_bytes()) is is_same
