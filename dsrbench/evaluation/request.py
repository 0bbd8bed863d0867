"""Requests for evaluations, and what follows from them: defaults, backends, weights, the plan and its folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from dsrbench.backends.base import Generator
from dsrbench.backends.generators.footprint import Footprint, reckon_footprint
from dsrbench.backends.generators.recipe import recipe_names
from dsrbench.backends.protocols import Options
from dsrbench.backends.registry import Backend, convert_options, generators
from dsrbench.backends.resolve import name_model, resolve_model
from dsrbench.errors import InputError, OptionError, WeightsError, near_matches
from dsrbench.evaluation.defaults import (
    EMBEDDED,
    SECOND_DETECTOR,
    Choice,
    choose_backends,
    follow_model,
    follow_suite,
)
from dsrbench.evaluation.manifest import read_nouns
from dsrbench.evaluation.planning import Plan, plan_generation, plan_videos
from dsrbench.evaluation.scorer import Scorer
from dsrbench.evaluation.weights import Request
from dsrbench.evaluation.wordings import reword_suite
from dsrbench.prompts import Suite, read_suite
from dsrbench.prompts.wordings import expand_wordings, parse_wordings
from dsrbench.types import DEFAULT_WORDING

SEEDS = tuple(range(5))
"""Seeds of every prompt by default, as in the paper."""

KINDS = ("detector", "tracker", "generator", SECOND_DETECTOR, "depth")
"""Kinds of backends that take options."""


@dataclasses.dataclass(frozen=True)
class EvaluationRequest:
    """A request to evaluate a model or videos on prompts; None leaves a choice to the defaults.

    Attributes:
        model: Model that makes the videos: a short name, a folder of a diffusers pipeline, an id on the Hub, or a
            generator's name. Without `model` and `videos`, the embedded model.
        adapter: LoRA to put on the model: a file, its folder, or an id on the Hub.
        videos: In place of a model, a folder of videos or a list of videos (CSV or JSONL).
        suite: Prompts: a suite, its name, or its file.
        wording: Wordings of each prompt: `all`, a name, names with commas, or numbers such as `0..2`.
        seeds: Seeds of every prompt; by default 0 to 4 where videos are made.
        limit: Largest number of samples.
        model_name: Name of the model in reports, where nothing else names it.
        partial: With `videos`, whether prompts without a video are left out and not counted as failed.
        protocol: Name of a protocol.
        detector: Name of a detector.
        tracker: Name of a tracker.
        second_detector: Name of another detector, whose disagreement with the first is part of the certainty.
        depth: Name of a depth estimator, for prompts that need one.
        options: Options of backends by kind (`detector`, `tracker`, `generator`, `second_detector`, `depth`), as text
            or as values.
        out: Run folder or URL; by default `runs/MODEL-SUITE`.

    Raises:
        OptionError: Both a model and videos, or what belongs to the other of them; seeds, a limit or options of
            another form.
    """

    model: str | None = None
    adapter: str | None = None
    videos: Path | None = None
    suite: Suite | str | Path | None = None
    wording: str = DEFAULT_WORDING
    seeds: Sequence[int] | None = None
    limit: int | None = None
    model_name: str | None = None
    partial: bool = False
    protocol: str | None = None
    detector: str | None = None
    tracker: str | None = None
    second_detector: str | None = None
    depth: str | None = None
    options: Options = dataclasses.field(default_factory=dict)
    out: str | Path | None = None

    def __post_init__(self) -> None:
        check_options(self.options)
        of_model = {"model": self.model, "adapter": self.adapter, "options of the generator": self.generator_options}
        chosen = [name for name, value in of_model.items() if value]
        if self.videos is not None and chosen:
            raise OptionError(f"{chosen[0]} does not go with videos: they are either made or taken as they are")
        if self.videos is None and self.partial:
            raise OptionError("partial goes with videos that exist")
        if self.seeds is not None:
            check_seeds("seeds", self.seeds)
        if self.limit is not None and self.limit < 1:
            raise OptionError(f"expected limit >= 1, got {self.limit!r}")

    @property
    def generator_options(self) -> Mapping[str, Any]:
        """Options of the generator."""
        return self.options.get("generator", {})


@dataclasses.dataclass(frozen=True)
class Planned:
    """A plan, and who makes its videos.

    Attributes:
        plan: The samples.
        generator: The model, ready; None where videos exist, or where only an estimate was asked for.
        footprint: Time and memory that the generator takes, where requested and known.
        notes: Lines that the user should see before the work begins.
    """

    plan: Plan
    generator: Backend[Generator] | None = None
    footprint: Footprint | None = None
    notes: tuple[str, ...] = ()

    def describe(self, folder: str) -> str:
        """Say in a line how much there is to do, and where it goes."""
        models, suite = self.plan.models, self.plan.suite.name
        return f"{len(self.plan.jobs)} samples of {len(models)} model(s), suite {suite}: {folder}"


@dataclasses.dataclass(frozen=True)
class Preparation:
    """A request with all choices made; no weights were looked at.

    Attributes:
        request: The request.
        choice: Protocol, detectors and tracker.
        default_note: Words that say what was chosen by default, and why; empty where nothing was.
        suite: The prompts; None for a list of videos that has them itself.
        generator: The model; None where videos exist.
        videos: The plan of videos that exist; None where they are made.
    """

    request: EvaluationRequest
    choice: Choice
    default_note: str
    suite: Suite | None
    generator: Request | None
    videos: Plan | None

    @property
    def backends(self) -> list[Request]:
        """Every backend whose weights must be there."""
        own = [self.generator] if self.generator is not None else []
        return [*own, *self.choice.backends]

    def plan(self, *, estimate: bool = False) -> Planned:
        """Make the generator and plan the samples.

        Args:
            estimate: Ask the generator what it will take; then the weights of a model with a recipe need not be there.

        Raises:
            WeightsError: The model's weights are not there.
            BackendError: The model does not know a wording that was asked for by name.
        """
        if self.videos is not None:
            return Planned(self.videos)
        assert self.generator is not None
        assert self.suite is not None
        options, request = self.generator.options, self.request
        name = name_model(options.get("model", request.model or EMBEDDED), options.get("adapter"))
        generator, footprint = None, None
        notes: tuple[str, ...] = ()
        try:
            generator = self.generator.make()
            notes = tuple(generator.instance.notes)
            footprint = generator.instance.footprint() if estimate else None
        except WeightsError:
            recipe = recipe_names().get(options.get("model", request.model or EMBEDDED)) if estimate else None
            if recipe is None:
                raise
            converted = convert_options(generators.load("diffusers"), options, where="generator 'diffusers'")
            name, (footprint, notes) = recipe, reckon_footprint(recipe, converted)
        suite, left_out = reword_suite(self.suite, parse_wordings(request.wording), generator)
        seeds = request.seeds if request.seeds is not None else SEEDS
        plan = plan_generation(suite, model=request.model_name or name, seeds=seeds, limit=request.limit)
        return Planned(plan, generator, footprint, (*notes, *left_out))


def request_generator(model: str, adapter: str | None, options: Mapping[str, Any]) -> Request:
    """Return the generator that makes a model's videos, with its options; nothing is made or fetched.

    Args:
        model: A short name, a folder, an id on the Hub, or the name of a generator.
        adapter: LoRA to put on the model; None for none.
        options: Options of the generator.

    Raises:
        UnknownBackendError: No such model.
    """
    name, named = resolve_model(model)
    return Request(generators, name, {**named, **options, **({"adapter": adapter} if adapter is not None else {})})


def prepare(request: EvaluationRequest) -> Preparation:
    """Make the choices that a request leaves open.

    Raises:
        UnknownBackendError: No such model, detector or tracker.
        PromptError: No such suite, or one that cannot be read.
        InputError: Nothing in the folder of videos, or no prompt for one.
        OptionError: A protocol, an option or a device that there is not.
    """
    names = parse_wordings(request.wording)
    suite = request.suite
    if request.videos is not None:
        if suite is None and list(names) != [DEFAULT_WORDING]:
            raise InputError("wordings need the prompts that they are about: name a suite")
        prompts = expand_wordings(_read(suite), names) if suite is not None else None
        limits = {"seeds": request.seeds, "limit": request.limit, "partial": request.partial}
        videos = plan_videos(request.videos, prompts, model=request.model_name, **limits)  # type: ignore[arg-type]
        defaults, generator, notes = follow_suite(videos.suite.name.partition("~")[0]), None, []
    else:
        generator = request_generator(request.model or EMBEDDED, request.adapter, request.generator_options)
        defaults, videos = follow_model(generator.name, generator.options), None
        prompts = _read(suite if suite is not None else defaults.suite)
        notes = [f"suite {defaults.suite}"] if suite is None else []
        notes += [f"seeds {SEEDS[0]}..{SEEDS[-1]}"] if request.seeds is None else []
    named_backends = (request.protocol, request.detector, request.tracker)
    choice = choose_backends(
        request.protocol,
        detector=request.detector,
        tracker=request.tracker,
        second_detector=request.second_detector,
        depth=request.depth,
        prompts=(videos.suite if videos is not None else prompts) or (),
        options={kind: values for kind, values in request.options.items() if kind != "generator"},
        defaults=defaults,
    )
    notes += [] if any(named_backends) else [defaults.describe()]
    notes += [defaults.describe_depth()] if choice.depth is not None and request.depth is None else []
    return Preparation(request, choice, ", ".join(notes), prompts, generator, videos)


def name_folder(request: EvaluationRequest, plan: Plan, part: str = "") -> str:
    """Name the run folder of a plan: the one asked for, or `runs/MODEL-SUITE`.

    Args:
        request: The request.
        plan: Its plan.
        part: Folder of a shard below it; empty for the whole run.
    """
    usual = Path("runs") / f"{'+'.join(plan.models)[:60]}-{plan.suite.name}".replace("/", "-")
    folder = str(request.out) if request.out else str(usual)
    return f"{folder.rstrip('/')}/{part}" if part else folder


def note_nouns(scorer: Scorer, plan: Plan) -> list[str]:
    """Say which nouns each detector reads with a liberty, and how many prompts have one that it does not know."""
    liberties, unknown = read_nouns(plan, scorer)
    notes = _describe_liberties(scorer.detector.name, liberties)
    if unknown:
        notes.append(f"{len(unknown)} prompts cannot be scored and are invalid: {next(iter(unknown.values()))}")
    if scorer.of_second is not None:
        notes += _note_nouns_of_second(scorer.of_second, scorer.detector.name, plan, unknown.keys())
    return notes


def _note_nouns_of_second(scorer: Scorer, first: str, plan: Plan, invalid: Collection[str]) -> list[str]:
    """Say the same of a second detector; prompts that it does not know are scored as without it.

    Args:
        scorer: Scorer of the second detector alone.
        first: Name of the first detector.
        plan: The plan.
        invalid: Ids of prompts that the first detector does not know.
    """
    liberties, unknown = read_nouns(plan, scorer)
    alone = [reason for prompt, reason in unknown.items() if prompt not in invalid]
    notes = _describe_liberties(f"second detector {scorer.detector.name}", liberties)
    if alone:
        notes.append(f"{len(alone)} prompts have a certainty by {first} alone: {alone[0]}")
    return notes


def _describe_liberties(detector: str, liberties: Mapping[str, str]) -> list[str]:
    """Return a line about the nouns that a detector reads as something else; none where there are none."""
    read = ", ".join(f"{noun} as {name}" for noun, name in liberties.items())
    return [f"{detector} reads {read}"] if read else []


def check_options(options: Options) -> None:
    """Check that options of backends are sorted by kind.

    Raises:
        OptionError: An unknown kind, or options that are not by name.
    """
    if not isinstance(options, Mapping):
        raise OptionError(f"expected the options of backends by kind, got {options!r}")
    for kind, values in options.items():
        if kind not in KINDS:
            raise OptionError(f"unknown kind {kind!r} of options{near_matches(kind, KINDS)}")
        if not isinstance(values, Mapping):
            raise OptionError(f"expected the options of the {kind} by name, got {values!r}")


def check_seeds(name: str, seeds: Sequence[int]) -> None:
    """Check that seeds are different integers of at least 0, and that there is one.

    Args:
        name: Name of the argument in the message.
        seeds: The seeds.

    Raises:
        OptionError: They are not.
    """
    if not (isinstance(seeds, Sequence) and seeds and all(map(_is_seed, seeds))):
        raise OptionError(f"expected {name} as a sequence of integers >= 0, such as [0, 1, 2], got {seeds!r}")
    if len(set(seeds)) < len(seeds):
        raise OptionError(f"expected each seed once, got {seeds!r}")


def _is_seed(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _read(suite: Suite | str | Path) -> Suite:
    return suite if isinstance(suite, Suite) else read_suite(suite)
