import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import quiet_control, write_token_file
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from idiolect_worker.contract import Recipe, TuneTask
from idiolect_worker.control import TaskControl
from idiolect_worker.failure import Failure, TaskCancelled
from idiolect_worker.schedule import batch_at, learning_rate
from idiolect_worker.tune import tune

RECIPE = Recipe(rank=4, alpha=8, dropout=0.1, learningRate=2e-2, warmup=0.1, epochs=3, batch=5, microBatch=2, checkpointSeconds=600, seed=11)
STEPS = 9  # 12 sequences in batches of 5, 3 epochs
ADAPTER = "adapter_model.safetensors"


@pytest.fixture
def task(base: Path, line_of_code: list[list[int]], tmp_path: Path) -> TuneTask:
    targets = [len(sequence) - 4 for sequence in line_of_code]
    train = write_token_file(tmp_path / "train.safetensors", line_of_code, targets)
    validation = write_token_file(tmp_path / "validation.safetensors", line_of_code[:3], targets[:3])
    paths = {"base": str(base), "train": str(train), "validation": str(validation), "run": str(tmp_path / "run"), "output": str(tmp_path / "adapter")}
    return TuneTask(type="tune", parent=None, recipe=RECIPE, **paths)


def elsewhere(task: TuneTask, name: str, **changes: object) -> TuneTask:
    """The same work in another run folder, to another output."""
    return replace(task, run=f"{task.run}-{name}", output=f"{task.output}-{name}", **changes)


def adapter_bytes(task: TuneTask) -> bytes:
    return (Path(task.output) / ADAPTER).read_bytes()


def metrics(task: TuneTask) -> list[dict[str, float]]:
    return [json.loads(line) for line in (Path(task.run) / "metrics.jsonl").read_text().splitlines()]


def test_learns_and_tells(task: TuneTask, line_of_code: list[list[int]]) -> None:
    reports: list[tuple[int, int, float | None]] = []
    result = tune(task, quiet_control(lambda *report: reports.append(report)))
    steps = metrics(task)
    assert [one["step"] for one in steps] == list(range(1, STEPS + 1))
    assert steps[-1]["loss"] < 0.5 * steps[0]["loss"]
    assert result.validationLoss is not None
    assert result.validationLoss < 0.5 * steps[0]["loss"]
    assert result.tokens == 3 * sum(map(len, line_of_code)) == steps[-1]["tokens"]
    assert (result.steps, result.loss < steps[0]["loss"]) == (STEPS, True)
    assert [done for done, _, _ in reports] == [5, 10, 12, 17, 22, 24, 29, 34, 36]
    assert reports[-1][1:] == (36, steps[-1]["loss"])


def test_output_is_a_plain_peft_adapter(task: TuneTask) -> None:
    tune(task, quiet_control())
    output = Path(task.output)
    assert sorted(path.name for path in output.iterdir()) == ["adapter_config.json", ADAPTER]
    weights = load_file(output / ADAPTER)
    assert len(weights) == 2 * 7 * 2
    assert weights["base_model.model.model.layers.1.mlp.down_proj.lora_A.weight"].shape == (4, 128)
    config = json.loads((output / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], config["base_model_name_or_path"]) == (4, 8, None)
    loaded = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(task.base), output)
    key = "base_model.model.model.layers.0.self_attn.q_proj.lora_B"
    torch.testing.assert_close(loaded.state_dict()[f"{key}.default.weight"], weights[f"{key}.weight"].float())
    assert weights[f"{key}.weight"].abs().max() > 0


def test_same_seed_same_bytes_other_seed_other_bytes(task: TuneTask) -> None:
    others = [elsewhere(task, "again"), elsewhere(task, "seed", recipe=replace(RECIPE, seed=12))]
    for one in (task, *others):
        tune(one, quiet_control())
    assert adapter_bytes(others[0]) == adapter_bytes(task)
    assert adapter_bytes(others[1]) != adapter_bytes(task)


def cancel_after(task: TuneTask, sequences: int) -> None:
    stop = threading.Event()
    with pytest.raises(TaskCancelled):
        tune(task, TaskControl(lambda done, total, loss: stop.set() if done >= sequences else None, stop))


def test_cancelled_run_continues_to_the_same_bytes(task: TuneTask) -> None:
    whole = elsewhere(task, "whole")
    tune(whole, quiet_control())
    for sequences in (5, 22):  # within the first epoch, within the second
        cancel_after(task, sequences)
        assert not Path(task.output).exists()
    result = tune(task, quiet_control())
    assert adapter_bytes(task) == adapter_bytes(whole)
    assert [one["loss"] for one in metrics(task)] == [one["loss"] for one in metrics(whole)]
    assert result.tokens == metrics(task)[-1]["tokens"]


class Killed(BaseException):
    """Stands for the process's end: nothing below may catch it and tidy up."""


def test_killed_run_continues_from_its_checkpoint_to_the_same_bytes(task: TuneTask) -> None:
    def die(done: int, total: int, loss: float | None) -> None:
        if done == 17:
            raise Killed

    whole = elsewhere(task, "whole")
    tune(whole, quiet_control())
    cancel_after(task, 10)
    with pytest.raises(Killed):
        tune(task, quiet_control(die))
    assert len(metrics(task)) == 4  # two more than the checkpoint knows
    tune(task, quiet_control())
    assert adapter_bytes(task) == adapter_bytes(whole)
    assert [one["step"] for one in metrics(task)] == list(range(1, STEPS + 1))


def test_checkpoints_come_in_time(task: TuneTask) -> None:
    def check(done: int, total: int, loss: float | None) -> None:
        if done > 5:
            assert (Path(task.run) / "checkpoint.pt").exists()

    tune(replace(task, recipe=replace(RECIPE, checkpointSeconds=0)), quiet_control(check))


def test_finished_run_answers_at_once(task: TuneTask) -> None:
    first = tune(task, quiet_control())
    reports: list[int] = []
    assert tune(task, quiet_control(lambda done, total, loss: reports.append(done))) == first
    assert reports == []
    adapter = adapter_bytes(task)
    (Path(task.output) / ADAPTER).unlink()
    assert tune(task, quiet_control()) == first
    assert adapter_bytes(task) == adapter


def test_run_folder_of_another_recipe_is_refused(task: TuneTask) -> None:
    cancel_after(task, 5)
    with pytest.raises(Failure, match="belongs to a run with another rank, alpha"):
        tune(replace(task, recipe=replace(RECIPE, rank=2, alpha=4)), quiet_control())


def test_parent_stays_frozen_and_takes_part(task: TuneTask) -> None:
    parent = elsewhere(task, "parent")
    tune(parent, quiet_control())
    before = adapter_bytes(parent)
    on_parent = elsewhere(task, "child", parent=parent.output)
    tune(on_parent, quiet_control())
    assert adapter_bytes(parent) == before
    child = load_file(Path(on_parent.output) / ADAPTER)
    assert child.keys() == load_file(Path(parent.output) / ADAPTER).keys()
    assert adapter_bytes(on_parent) != before
    # The parent already knows the line: training on top of it starts where the parent's training ended.
    assert metrics(on_parent)[0]["loss"] < 0.5 * metrics(parent)[0]["loss"]


def test_parent_of_another_base_is_refused(task: TuneTask, tmp_path: Path) -> None:
    tune(task, quiet_control())
    other = elsewhere(task, "child", parent=str(tmp_path / "wide"))
    Path(other.parent or "").mkdir()
    for name in ("adapter_config.json", ADAPTER):
        (tmp_path / "wide" / name).write_bytes((Path(task.output) / name).read_bytes())
    config = json.loads((tmp_path / "wide" / "adapter_config.json").read_text())
    (tmp_path / "wide" / "adapter_config.json").write_text(json.dumps(config | {"r": 5}))
    with pytest.raises(Failure, match="does not fit the base"):
        tune(other, quiet_control())


def test_loss_that_is_no_number_leaves_nothing(task: TuneTask) -> None:
    with pytest.raises(Failure, match=r"not a number.*lower learning rate") as raised:
        tune(replace(task, recipe=replace(RECIPE, learningRate=1e30)), quiet_control())
    assert raised.value.code == "not-finite"
    assert not Path(task.output).exists()
    assert not (Path(task.run) / "checkpoint.pt").exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [("rank", 0), ("alpha", 0), ("dropout", 1.0), ("learningRate", 0.0), ("warmup", 1.5), ("epochs", 0), ("batch", 0), ("microBatch", 6), ("seed", -1)],
)
def test_senseless_recipe_is_refused(task: TuneTask, field: str, value: float) -> None:
    with pytest.raises(Failure, match=f"the recipe's {field} cannot be {value}"):
        tune(replace(task, recipe=replace(RECIPE, **{field: value})), quiet_control())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"base": "/nowhere"}, "there is no file /nowhere"),
        ({"train": "/nowhere"}, "there is no file /nowhere"),
        ({"validation": "/nowhere"}, "there is no file /nowhere"),
        ({"parent": "/nowhere"}, "there is no file /nowhere"),
    ],
)
def test_missing_files_are_named(task: TuneTask, change: dict[str, str], message: str) -> None:
    with pytest.raises(Failure, match=message) as raised:
        tune(replace(task, **change), quiet_control())
    assert raised.value.code == "bad-input"


def test_damaged_checkpoint_is_named(task: TuneTask) -> None:
    cancel_after(task, 5)
    checkpoint = Path(task.run) / "checkpoint.pt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    with pytest.raises(Failure, match="is damaged; delete it"):
        tune(task, quiet_control())


def test_sequences_without_target_are_refused(task: TuneTask, tmp_path: Path) -> None:
    prompts = write_token_file(tmp_path / "prompts.safetensors", [[1, 2, 3], [4, 5]], [3, 1])
    with pytest.raises(Failure, match="1 sequences of the token file"):
        tune(replace(task, train=str(prompts)), quiet_control())


def test_every_epoch_sees_every_sequence_once_in_batches_of_similar_length() -> None:
    lengths = [30, 5, 20, 10, 25, 15, 35]
    recipe = replace(RECIPE, batch=4, microBatch=2)
    epochs = [[batch_at(step, lengths, recipe) for step in (epoch * 2, epoch * 2 + 1)] for epoch in range(2)]
    for epoch in epochs:
        assert sorted(index for batch in epoch for micro_batch in batch for index in micro_batch) == list(range(7))
        assert [[len(micro_batch) for micro_batch in batch] for batch in epoch] == [[2, 2], [2, 1]]
        for batch in epoch:
            flat = [lengths[index] for micro_batch in batch for index in micro_batch]
            assert flat == sorted(flat)
    assert epochs[0] != epochs[1]


def test_learning_rate_rises_then_falls() -> None:
    recipe = replace(RECIPE, learningRate=1.0, warmup=0.25)
    assert [round(learning_rate(step, 8, recipe), 3) for step in range(8)] == [0.5, 1, 1, 0.833, 0.667, 0.5, 0.333, 0.167]
    assert learning_rate(0, 8, replace(recipe, warmup=0)) == 1
