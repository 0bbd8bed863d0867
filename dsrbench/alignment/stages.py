"""The stages of a round: candidates, pairs or clips, latents, training, evaluation; what was done is found again."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from dsrbench.alignment.card import SOURCE, write_card
from dsrbench.alignment.checkpoint import checkpoint_folder
from dsrbench.alignment.examples import Example
from dsrbench.alignment.families import find_family
from dsrbench.alignment.latents import encode_examples, read_encoded
from dsrbench.alignment.logs import make_accelerator
from dsrbench.alignment.lora import FILE, average_adapters
from dsrbench.alignment.rewards import ClipReport, make_clips, plan_budget, read_clips, write_clips
from dsrbench.alignment.settings import TrainingSettings, ValidationSettings
from dsrbench.alignment.trainer import Row, Trainer
from dsrbench.alignment.validation import Validation, Watch, choose_best, measure, read_validations, thin
from dsrbench.backends.base import Generator
from dsrbench.backends.registry import Backend
from dsrbench.dataset import PairReport, adopt_pairs, locate_samples, pair_sources, read_pairs
from dsrbench.errors import InputError
from dsrbench.evaluation import Plan, Progress, Scorer, evaluate, plan_generation
from dsrbench.hub import is_hub_path
from dsrbench.prompts import Suite
from dsrbench.records import hash_json
from dsrbench.store import LocalDisk, Run, Sample
from dsrbench.video import sha256_file


class Round:
    """One round of an alignment, whose stages find again what they did before.

    In a round of self-improvement the model of the round before makes the candidates, they alone are paired, and the
    training goes on with that round's adapter, which is also the reference of the loss (`LossSettings.reference`).
    There is one LoRA throughout, so that the last round's adapter is all there is to put on the base.

    Where the training takes clips with rewards (`takes_clips`), the candidates of later rounds are made by the sampler,
    a moving average of the adapters, most of them of prompts that are not settled, and a round that validates no better
    than an earlier one hands on the adapter it began with.

    Args:
        model: Name of the model in reports.
        folder: Folder of the model, saved by a diffusers pipeline.
        scorer: Detector and tracker; the detector is the reward.
        out: Folder of all rounds.
        make_generator: Makes the model as a generator, with the adapter in a folder on it, or without one.
        number: Number of the round, from 1.
        takes_clips: Whether the training takes clips with rewards in place of pairs.
        on_progress: Called with what is being done, how much is done, how much there is, and the newest.
    """

    def __init__(
        self,
        model: str,
        folder: Path,
        scorer: Scorer,
        out: Path,
        make_generator: Callable[[Path | None], Backend[Generator]],
        *,
        number: int = 1,
        takes_clips: bool = False,
        on_progress: Progress = lambda *_: None,
    ) -> None:
        self.model, self.folder, self.scorer, self.out, self.number = model, folder, scorer, out, number
        self.make_generator, self.on_progress = make_generator, on_progress
        self.takes_clips = takes_clips

    def at(self, number: int) -> Round:
        """Return another round of the same alignment."""
        return Round(
            self.model,
            self.folder,
            self.scorer,
            self.out,
            self.make_generator,
            number=number,
            takes_clips=self.takes_clips,
            on_progress=self.on_progress,
        )

    @property
    def home(self) -> Path:
        """Folder of the round."""
        return self.out / f"round-{self.number}"

    @property
    def candidates(self) -> Run:
        """The run of the candidates."""
        return Run(self.home / "candidates")

    @property
    def adapter(self) -> Path:
        """Folder of the round's finished adapter."""
        return self.home / "adapter"

    @property
    def start(self) -> Path | None:
        """Folder of the adapter the round begins with: the round before's; None in the first round.

        Raises:
            InputError: The round before has made none.
        """
        if self.number == 1:
            return None
        before = self.at(self.number - 1).adapter
        if not (before / FILE).is_file():
            raise InputError(f"round {self.number} begins with the adapter of the round before; {before} has none")
        return before

    @property
    def hands_on_start(self) -> bool:
        """Whether the round's adapter is the one it began with, because no checkpoint of it validated better."""
        if not self.takes_clips or self.number == 1:
            return False
        own, before = self.adapter / FILE, self.at(self.number - 1).adapter / FILE
        return own.is_file() and before.is_file() and own.read_bytes() == before.read_bytes()

    def reduce_rate(self, settings: TrainingSettings) -> TrainingSettings:
        """Return settings whose learning rate is reduced for every earlier round that handed on its start."""
        stalled = sum(self.at(number).hands_on_start for number in range(1, self.number))
        rate = settings.optimizer.learning_rate * settings.rewards.plateau_factor**stalled
        return settings.change({"learning_rate": rate}) if stalled else settings

    @property
    def sampler(self) -> Path | None:
        """Folder of the adapter that makes the candidates: an average where the round before has one, else `start`."""
        if self.number == 1:
            return None
        average = self.at(self.number - 1).average
        return average if (average / FILE).is_file() else self.start

    @property
    def average(self) -> Path:
        """Folder of the moving average of the adapters up to this round's."""
        return self.home / "sampler"

    @property
    def examples(self) -> Path:
        """File of what the training takes."""
        return self.home / ("clips.jsonl" if self.takes_clips else "pairs.jsonl")

    def make_candidates(
        self,
        suite: Suite,
        seeds: Sequence[int],
        *,
        settled_share: float = 1.0,
        on_note: Callable[[str], None] = lambda _: None,
    ) -> list[Sample]:
        """Stages 1 and 2: videos of every prompt, scored, in the run folder `candidates`; new seeds in every round.

        Args:
            suite: Prompts to train on.
            seeds: Seeds of a prompt in the first round.
            settled_share: Share of its candidates that a settled prompt keeps, where the training takes clips.
            on_note: Called with a line about candidates that are moved to other prompts.
        """
        if self.takes_clips and self.number > 1:
            plan = self._plan_budget(suite, len(seeds), settled_share, on_note)
        else:
            fresh = [seed + (self.number - 1) * (max(seeds) + 1) for seed in seeds]
            plan = plan_generation(suite, model=self.model, seeds=fresh)
        generator = self.make_generator(self.sampler)
        return evaluate(plan, self.scorer, self.candidates, generator=generator, on_progress=self.on_progress)

    def _plan_budget(self, suite: Suite, usual: int, settled_share: float, on_note: Callable[[str], None]) -> Plan:
        before = Run.open(self.at(self.number - 1).candidates.folder)
        budget = plan_budget(before.iter_samples(), usual=usual, settled_share=settled_share)
        on_note(str(budget))
        ends = {prompt.id: budget.first_seed + budget.counts.get(prompt.id, usual) for prompt in suite}
        plan = plan_generation(suite, model=self.model, seeds=range(budget.first_seed, max(ends.values())))
        return dataclasses.replace(plan, jobs=tuple(job for job in plan.jobs if job.key.seed < ends[job.prompt.id]))

    def make_pairs(self, *, seed: int = 0, per_prompt: int | None = None, margin: float = 0.0) -> PairReport:
        """Stage 3: `pairs.jsonl` from the scored candidates.

        Raises:
            InputError: No prompt has both a winner and a loser; says how many had which.
        """
        LocalDisk(self.home).remove(SOURCE)
        out = self.home / "pairs.jsonl"
        return pair_sources([self.candidates], out, per_prompt=per_prompt, margin=margin, seed=seed)

    def take_pairs(self, source: str, per_prompt: int | None = None) -> str:
        """Stage 3 in another way: `pairs.jsonl` from a file of pairs, or from a dataset's split `train`.

        Args:
            source: A `.jsonl` of `dsrbench pairs`; a folder of a dataset, or its place on the Hub.
            per_prompt: Most pairs of a prompt of a dataset.

        Returns:
            How many there are, in words.

        Raises:
            InputError: It is neither, or has no pairs.
        """
        out = self.home / "pairs.jsonl"
        if Path(source).suffix == ".jsonl" and not is_hub_path(source):
            report = f"{adopt_pairs(Path(source), out)} pairs"
        else:
            report = str(pair_sources([source], out, per_prompt=per_prompt))
        name = source if is_hub_path(source) else Path(source).resolve().name
        LocalDisk(self.home).write_atomic(SOURCE, json.dumps({"pairs": name}).encode() + b"\n")
        return report

    def make_clips(self, *, min_spread: float = 0.0) -> ClipReport:
        """Stage 3 where clips are taken: `clips.jsonl`, all scored candidates with rewards.

        Args:
            min_spread: Smallest standard deviation of a prompt's scores that advantages are divided by.

        Raises:
            InputError: No prompt has candidates with different scores.
        """
        clips, report = make_clips(locate_samples(self.candidates, self.home.resolve()), min_spread=min_spread)
        if not clips:
            raise InputError(f"{self.candidates.folder}: no clips to train on: {report}; make more candidates a prompt")
        write_clips(self.examples, clips)
        return report

    def _read_examples(self) -> Sequence[Example]:
        return read_clips(self.examples) if self.takes_clips else read_pairs(self.examples)

    def encode(self) -> None:
        """Stage 4: latents and text features of all examples, in `latents`."""
        encode_examples(
            self._read_examples(),
            find_family(self.folder),
            self.home / "latents",
            model=self._fingerprint(),
            find_video=lambda name: self.home / name,
            on_shard=lambda done, total: self.on_progress("encoding", done, total, "latents"),
        )

    def train(
        self,
        settings: TrainingSettings,
        *,
        validation: Suite | None = None,
        on_validation: Callable[[Validation], None] = lambda _: None,
        log_with: Sequence[str] = (),
    ) -> Path:
        """Stage 5: the LoRA, in `training`; the best by validation, or the last without one, in `adapter`.

        Args:
            settings: Settings of the training.
            validation: Prompts that every checkpoint is validated on; None for no validation.
            on_validation: Called with the result of each.
            log_with: Trackers of accelerate, beside the training's `log.jsonl`: `tensorboard`, `wandb`.

        Returns:
            The folder of the finished adapter.

        Raises:
            BackendError: A tracker's package is not installed.
            TrainingError: The loss is not a number, or every checkpoint had degenerated.
            RunMismatchError: The folder holds a training with other settings, pairs or beginning.
        """
        folder = self.home / "training"
        trainer = self._make_trainer(settings, log_with)
        validate = None
        if validation is not None:
            suite = thin(validation, settings.validation.validation_prompts)
            validate = functools.partial(self._validate, suite, settings.validation.validation_seeds)

        def on_step(step: int, steps: int, row: Row) -> None:
            self.on_progress("training", step, steps, f"loss {row['loss']:.3f}, won {row['implicit_accuracy']:.2f}")

        def on_result(result: Validation) -> None:
            trainer.log.tell("validation", result.step, result.figures())
            on_validation(result)

        watch = Watch(folder, settings.validation, validate, on_result)
        last = trainer.train(on_checkpoint=watch, on_step=on_step)
        if trainer.accelerator.is_main_process:
            settings_text = json.dumps(settings.record(), indent=1) + "\n"
            LocalDisk(folder).write_atomic("settings.json", settings_text.encode())
            self._finish(self._find_best(settings.validation) or checkpoint_folder(folder, watch.choose(last)))
            self._move_sampler(settings.rewards.sampler_ema)
            self.describe()
        return self.adapter

    def _find_best(self, settings: ValidationSettings) -> Path | None:
        """Return the adapter that the round began with, where clips are taken and this is no better; None elsewhere."""
        if not self.takes_clips or self.number == 1:
            return None
        trainings = [self.at(number).home / "training" for number in range(1, self.number + 1)]
        *earlier, own = (choose_best(read_validations(folder), sound=settings.early_stop) for folder in trainings)
        ranks = [row.rank for row in earlier if row is not None]
        return self.start if ranks and (own is None or own.rank <= max(ranks)) else None

    def _move_sampler(self, old_share: float) -> None:
        """Write the sampler of the next round, or see that there is none beside the adapter."""
        if self.takes_clips and old_share > 0:
            average_adapters(self.sampler, self.adapter, old_share=old_share, out=self.average)
        else:
            LocalDisk(self.average).remove(FILE)

    def _make_trainer(self, settings: TrainingSettings, log_with: Sequence[str]) -> Trainer:
        start, sampler, folder = self.start, self.sampler, self.home / "training"
        facts = {
            "model": self._fingerprint(),
            self.examples.stem: sha256_file(self.examples),
            "start": sha256_file(start / FILE) if start is not None else "",
        }
        if sampler is not None and sampler != start:
            facts["sampler"] = sha256_file(sampler / FILE)
        optimizer = settings.optimizer
        accelerator = make_accelerator(optimizer.precision, folder, log_with=log_with)
        latents, texts = read_encoded(self.home / "latents")
        return Trainer(
            find_family(self.folder, device=str(accelerator.device), dtype=optimizer.dtype),
            self._read_examples(),
            latents,
            texts,
            settings,
            folder,
            start=start,
            sampler=sampler,
            facts=facts,
            accelerator=accelerator,
        )

    def evaluate(self, suite: Suite, seeds: Sequence[int], *, adapter: Path | None = None) -> Run:
        """Stage 6: videos of held-out prompts, scored: of the base, once for all rounds, or with an adapter on it.

        Returns:
            The run folder: `base`, or the round's `aligned`.
        """
        run = Run(self.out / "base" if adapter is None else self.home / "aligned")
        plan = plan_generation(suite, model=run.folder.name, seeds=seeds)
        evaluate(plan, self.scorer, run, generator=self.make_generator(adapter), on_progress=self.on_progress)
        return run

    def describe(self) -> None:
        """Write the model card of the round's adapter, with the results that are there."""
        write_card(self.home, base=self.model, number=self.number, hands_on_start=self.hands_on_start)

    def _validate(self, suite: Suite, seeds: int, step: int, adapter: Path | None) -> Validation:
        plan = plan_generation(suite, model=self.model, seeds=range(seeds))
        folder = self.home / "training" / "validation" / f"step-{step:06d}"
        run = Run(folder if adapter is not None else self.out / "validation-base")
        samples = evaluate(
            plan,
            self.scorer,
            run,
            generator=self.make_generator(adapter),
            on_progress=lambda _, done, total, what: self.on_progress("validating", done, total, what),
        )
        return measure(step, samples, run.videos)

    def _finish(self, checkpoint: Path) -> None:
        """Put the checkpoint's adapter where it will be found, unless it is there: equal runs leave equal files."""
        data = (checkpoint / FILE).read_bytes()
        adapter = self.adapter / FILE
        if not adapter.is_file() or adapter.read_bytes() != data:
            LocalDisk(self.adapter).write_atomic(FILE, data)

    def _fingerprint(self) -> str:
        """Name the model by its weights and by how it makes videos, whatever the versions of packages."""
        facts = self.make_generator(None).fingerprint
        lasting = {name: value for name, value in facts.items() if name not in ("packages", "torch")}
        return hash_json(lasting)
