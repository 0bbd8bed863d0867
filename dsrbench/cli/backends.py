"""`dsrbench backends`: what there is to choose from, and its weights."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from dsrbench.backends.base import BaseBackend
    from dsrbench.backends.registry import Registry
    from dsrbench.hub import HubModel, WeightFile

INDENT = " " * 13


@click.group("backends", invoke_without_command=True, short_help="List backends and their options; fetch weights.")
@click.pass_context
def command(context: click.Context) -> None:
    """List detectors, trackers, depth estimators and generators with their options, and say which are ready to use.

    An option is given as `-o KIND.KEY=VALUE`, such as `-o detector.threshold=0.2`; what follows = below is its default.

    \b
    dsrbench backends
    dsrbench backends pull nanodet
    """
    if context.invoked_subcommand is None:
        for registry in _registries():
            _list(registry)


@command.command("pull")
@click.argument("name")
@click.option("--model", metavar="ID", help="Another model than the backend's own: OWNER/NAME on the Hub.")
@click.option("--revision", metavar="REV", help="A branch, tag or commit of the model on the Hub.")
@click.option("--offline", is_flag=True, help="Check what is there; ask no server.")
def pull_command(name: str, model: str | None, revision: str | None, offline: bool) -> None:
    """Fetch the weights of the backend or text-to-video model NAME; what is there is kept.

    `upsampler` and `judge` are names, too: the models that extend prompts and that answer questions about clips.
    Files of weights are checked by their sha256; of a model on the Hub, the commit is printed.

    \b
    dsrbench backends pull nanodet
    dsrbench backends pull wan2.1-1.3b
    dsrbench backends pull owlv2 --model google/owlv2-large-patch14-ensemble
    """
    from dsrbench.backends.generators import upsampler
    from dsrbench.backends.generators.recipe import recipe_names
    from dsrbench.backends.registry import describe_options
    from dsrbench.errors import OptionError, UnknownBackendError, near_matches
    from dsrbench.judging import model as judge

    registry = next((registry for registry in _registries() if name in registry.targets()), None)
    if name == "diffusers" or (registry is None and name in recipe_names()):
        _pull_pipeline(name, model, revision, offline=offline)
        return
    models = {upsampler.NAME: upsampler.MODEL, judge.NAME: judge.MODEL}
    if name in models:
        _pull_model(name, models[name], model or models[name].id, revision, offline=offline)
        return
    if registry is None:
        names = [*models, *(names for registry in _registries() for names in registry.names()), *recipe_names()]
        raise UnknownBackendError(f"no backend named {name!r}{near_matches(name, names)}")
    cls = registry.load(name)
    files, own = cls.weight_files, cls.hub_model
    if own is not None:
        _pull_model(name, own, model or own.id, revision, offline=offline)
        return
    if model or revision:
        raise OptionError(f"{registry.kind} {name!r} has no model on the Hub: --model and --revision are not for it")
    if not files:
        hint = "; give it yours with -o {}.weights=PATH" if "weights" in describe_options(cls) else ""
        click.echo(f"{registry.kind} {name!r} has no weights to fetch{hint.format(registry.kind)}")
        return
    _pull_files(name, files, offline=offline)


def _pull_files(name: str, files: Sequence[WeightFile], *, offline: bool) -> None:
    from dsrbench.cli.progress import download_bars
    from dsrbench.hub import pull

    with download_bars() as (update, fetched):
        paths = pull(name, files, offline=offline, progress=update)
    for path, file in zip(paths, files, strict=True):
        state = "fetched" if file.filename in fetched else "already there"
        click.echo(f"{path}  {file.size / 1e6:.1f} MB, {file.licence}, {state}, sha256 as expected")


def _pull_model(name: str, own: HubModel, model: str, revision: str | None, *, offline: bool) -> None:
    from dsrbench.backends.pretrained.snapshots import pull_snapshot

    snapshot = pull_snapshot(model, revision=revision, offline=offline, backend=name, default=own)
    licence = f", {own.licence}" if model == own.id else ""
    click.echo(f"{snapshot.folder}  {model}{licence}, commit {snapshot.commit or 'unknown: a folder of yours'}")


def _pull_pipeline(name: str, model: str | None, revision: str | None, *, offline: bool) -> None:
    """Fetch a pipeline of diffusers: that of a recipe, or the one of an id on the Hub."""
    from dsrbench.backends.generators.loading import find_model, pull_model
    from dsrbench.errors import OptionError

    if (name == "diffusers") != (model is not None):
        raise OptionError("expected the short name of a model, or: dsrbench backends pull diffusers --model OWNER/NAME")
    pipeline = (find_model if offline else pull_model)(model or name, revision=revision)
    commit = pipeline.source.commit or "unknown: a folder of yours"
    click.echo(f"{pipeline.source.folder}  {pipeline.source.name}, {pipeline.recipe.licence}, commit {commit}")


def _registries() -> tuple[Registry[Any], ...]:
    from dsrbench.backends.registry import depth_estimators, detectors, generators, trackers

    return detectors, trackers, depth_estimators, generators


def _list(registry: Registry[Any]) -> None:
    from dsrbench.backends.registry import describe_options
    from dsrbench.errors import BackendError

    names = registry.names()
    click.secho(f"{registry.noun.capitalize()}s{'' if names else ': none'}", bold=True)
    for name in names:
        try:
            cls = registry.load(name)
        except BackendError as error:
            click.echo(f"  {name:<10} cannot be used: {error}")
            continue
        click.echo(f"  {name:<10} {_first_line(cls)}")
        click.echo(f"{INDENT}{_readiness(registry.kind, name, cls)}")
        for key, (kind, default) in describe_options(cls).items():
            click.echo(f"{INDENT}{registry.kind}.{key}={_plain(default)}  {kind}")
        if registry.kind == "generator" and name == "diffusers":
            _list_recipes()


def _list_recipes() -> None:
    """Print the short names that `--model` takes, with the models that are on this machine."""
    from dsrbench.backends.generators.loading import find_model
    from dsrbench.backends.generators.recipe import read_recipe, recipe_names
    from dsrbench.errors import DSRBenchError

    try:
        recipes = [read_recipe(name) for name in sorted(set(recipe_names().values()))]
    except DSRBenchError as error:
        click.echo(f"{INDENT}models: {error}")
        return
    click.echo(f"{INDENT}models, by --model NAME or -o generator.model=NAME:")
    for recipe in recipes:
        try:
            find_model(recipe.name, revision=None)
            state = "ready"
        except DSRBenchError:
            state = f"not fetched: dsrbench backends pull {recipe.name}"
        names = ", ".join((recipe.name, *recipe.aliases))
        click.echo(f"{INDENT}  {names:<24} {recipe.id}, {recipe.licence}; {state}")


def _first_line(cls: type) -> str:
    text = inspect.getdoc(cls) or "(no description)"
    return text.splitlines()[0]


def _readiness(kind: str, name: str, cls: type[BaseBackend]) -> str:
    from dsrbench.backends.registry import describe_options
    from dsrbench.cli.installed import find_backend_weights, missing_packages, pip_command

    extra = cls.extra
    missing, weights = missing_packages(extra), find_backend_weights(name, cls)
    todo = []
    if missing:
        todo.append(f"{' and '.join(missing)} not installed: {pip_command(extra)}")
    if weights is not None and weights.problem:
        todo.append(f"weights not fetched ({weights.what}): dsrbench backends pull {name}")
    if weights is None and "weights" in describe_options(cls):
        todo.append(f"takes weights you bring: -o {kind}.weights=PATH")
    if extra == "sprites":
        todo += _embedded_problem(kind, name)
    return "; ".join(todo) or "ready"


def _embedded_problem(kind: str, name: str) -> list[str]:
    """List what is wrong with the weights that come with the package; empty where they are whole."""
    from dsrbench.errors import WeightsError
    from dsrbench.sprites.embedded import Kind, find_base, find_weights_folder

    weights: dict[tuple[str, str], Kind] = {
        ("generator", "sprites"): "model",
        ("generator", "sprites-depth"): "depth-model",
        ("depth", "sprites"): "depth",
    }
    try:
        folder = find_weights_folder(weights.get((kind, name), "detector"), None)
        if kind == "generator":
            find_base(folder)
    except WeightsError as error:
        return [f"{error}; use those with -o {kind}.folder=FOLDER"]
    return []


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool | None) else str(value)
