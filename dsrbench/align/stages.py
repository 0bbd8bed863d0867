"""The stages of `dsrbench align`: candidates, pairs, latents, training, evaluation; what was done is found again."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dsrbench.align.families import find_family
from dsrbench.align.latents import encode_pairs, read_encoded
from dsrbench.align.settings import AlignSettings
from dsrbench.align.trainer import Row, Trainer
from dsrbench.dataset import PairReport, make_pairs, read_pairs, write_pairs
from dsrbench.errors import InputError
from dsrbench.pipeline import Stages, evaluate, plan_generation
from dsrbench.prompts import Suite
from dsrbench.registry import Backend, Generator
from dsrbench.store import Run, Sample

Progress = Callable[[str, int, int, str], None]


@dataclasses.dataclass(frozen=True)
class Alignment:
    """One alignment: a model, where its folder is, and how what it makes is scored.

    Attributes:
        model: What the model is called in reports.
        folder: Of the model, saved by a diffusers pipeline.
        stages: Detector and tracker; the detector is the reward.
        out: Where everything is kept.
        tell: Told of progress.
    """

    model: str
    folder: Path
    stages: Stages
    out: Path
    tell: Progress = lambda *_: None

    def make_candidates(self, suite: Suite, generator: Backend[Generator], seeds: Sequence[int]) -> list[Sample]:
        """Stages 1 and 2: videos of every prompt by the frozen model, scored, in the run folder `candidates`."""
        plan = plan_generation(suite, model=self.model, seeds=seeds)
        return evaluate(plan, self.stages, self.candidates, generator=generator, on_progress=self.tell)

    @property
    def candidates(self) -> Run:
        """The run of the candidates."""
        return Run(self.out / "candidates")

    def make_pairs(self, *, seed: int = 0, per_prompt: int | None = None, margin: float = 0.0) -> PairReport:
        """Stage 3: `pairs.jsonl` from the scored candidates.

        Raises:
            InputError: No prompt has both a winner and a loser; says how many had which.
        """
        pairs, report = make_pairs(self.candidates.samples(), per_prompt=per_prompt, margin=margin, seed=seed)
        if not pairs:
            raise InputError(f"{self.candidates.folder}: no pairs to train on: {report}; make more candidates a prompt")
        write_pairs(self.out / "pairs.jsonl", pairs)
        return report

    def encode(self) -> None:
        """Stage 4: latents and text features of all pairs, in `latents`."""
        encode_pairs(
            read_pairs(self.out / "pairs.jsonl"),
            find_family(self.folder),
            self.out / "latents",
            model=self._fingerprint(),
            find_video=lambda name: self.candidates.videos / name,
            on_shard=lambda done, total: self.tell("encoding", done, total, "latents"),
        )

    def train(
        self,
        settings: AlignSettings,
        *,
        every: int = 50,
        on_checkpoint: Callable[[int, Path], bool] | None = None,
    ) -> Path:
        """Stage 5: the LoRA, in `training`; the finished one in `adapter`.

        Returns:
            The folder of the finished adapter.
        """
        pairs = read_pairs(self.out / "pairs.jsonl")
        trainer = Trainer(
            find_family(self.folder), pairs, *read_encoded(self.out / "latents"), settings, self.out / "training"
        )

        made: list[int] = []

        def on_step(step: int, steps: int, row: Row) -> None:
            made.append(step)
            self.tell("training", step, steps, f"loss {row['loss']:.3f}, won {row['implicit_accuracy']:.2f}")

        trainer.train(every=every, on_checkpoint=on_checkpoint, on_step=on_step)
        adapter = self.out / "adapter"
        if made or not adapter.exists():  # the bytes of a file differ each time it is written, those of a run must not
            trainer.save_adapter(adapter)
        return adapter

    def evaluate(
        self,
        name: str,
        suite: Suite,
        generator: Backend[Generator],
        seeds: Sequence[int],
        *,
        stages: Stages | None = None,
    ) -> list[Sample]:
        """Stage 6: videos of held-out prompts, scored, in the run folder `name`."""
        plan = plan_generation(suite, model=name, seeds=seeds)
        run = Run(self.out / name)
        return evaluate(plan, stages or self.stages, run, generator=generator, on_progress=self.tell)

    def _fingerprint(self) -> str:
        files = sorted(self.folder.rglob("*.safetensors"))
        facts: Any = [[path.relative_to(self.folder).as_posix(), path.stat().st_size] for path in files]
        sums = self.folder / "SHA256SUMS"
        if sums.is_file():
            facts.append(sums.read_text(encoding="utf-8"))
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()
