"""Generated from trainer/worker/protocol.ts by generate-contract.ts: do not edit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Contract:
    protocol: Literal[1]


@dataclass(frozen=True, kw_only=True)
class ImportTask:
    type: Literal["import"]
    source: str
    gguf: str | None
    output: str


@dataclass(frozen=True, kw_only=True)
class ConvertTask:
    type: Literal["convert"]
    base: str
    quantization: Literal["rowmix", "fp32"]
    positions: int


@dataclass(frozen=True, kw_only=True)
class ParityTask:
    type: Literal["parity"]
    base: str
    prompts: str
    maxTokens: int
    endTokens: list[int]
    lineBreakTokens: list[int]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    rank: int
    alpha: int
    dropout: float
    learningRate: float
    warmup: float
    epochs: int
    batch: int
    microBatch: int
    checkpointSeconds: float
    seed: int


@dataclass(frozen=True, kw_only=True)
class TuneTask:
    type: Literal["tune"]
    base: str
    parent: str | None
    train: str
    validation: str | None
    recipe: Recipe
    run: str
    output: str


@dataclass(frozen=True, kw_only=True)
class CancelTask:
    type: Literal["cancel"]


@dataclass(frozen=True, kw_only=True)
class Hello:
    type: Literal["hello"]
    protocol: int
    device: str
    python: str
    torch: str


@dataclass(frozen=True, kw_only=True)
class Progress:
    type: Literal["progress"]
    done: int
    total: int
    loss: float | None


@dataclass(frozen=True, kw_only=True)
class Shape:
    layers: int
    heads: int
    keyValueHeads: int
    headDimension: int
    hidden: int
    intermediate: int
    vocabulary: int


@dataclass(frozen=True, kw_only=True)
class Imported:
    type: Literal["imported"]
    family: Literal["qwen2", "llama"]
    shape: Shape


@dataclass(frozen=True, kw_only=True)
class Converted:
    type: Literal["converted"]
    nodes: int
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Parity:
    type: Literal["parity"]
    prompts: int
    identical: int
    divergence: float


@dataclass(frozen=True, kw_only=True)
class Tuned:
    type: Literal["tuned"]
    steps: int
    tokens: int
    seconds: float
    loss: float
    validationLoss: float | None


@dataclass(frozen=True, kw_only=True)
class Cancelled:
    type: Literal["cancelled"]


@dataclass(frozen=True, kw_only=True)
class Failed:
    type: Literal["failed"]
    code: Literal["bad-input", "out-of-memory", "no-space", "not-finite", "internal"]
    message: str
