"""Weights that a command needs and that are not on this machine: found for all of its backends at once, and fetched."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dsrbench.backends.registry import Backend, Registry, convert_options, describe_options, generators
from dsrbench.errors import DownloadError, WeightsError
from dsrbench.hub import HubModel, find_weights, is_offline, pull
from dsrbench.hub.weights import Progress

if TYPE_CHECKING:
    from dsrbench.backends.base import BaseBackend


@dataclasses.dataclass(frozen=True)
class Request:
    """A backend that a command is about to make.

    Attributes:
        registry: The registry of its kind.
        name: The registered name.
        options: The options that the user gave, as text.
    """

    registry: Registry[Any]
    name: str
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def check(self) -> None:
        """Check name and options without making the backend; errors as for `Registry.create`."""
        self.registry.convert(self.name, self.options)

    def make(self) -> Backend[Any]:
        """Make the backend; errors as for `Registry.create`."""
        return self.registry.create(self.name, self.options)


@dataclasses.dataclass(frozen=True)
class MissingWeights:
    """Weights that are not on this machine.

    Attributes:
        name: A model's id on the Hub, or the name of the backend that the files belong to.
        license: The license that the authors gave the weights; empty where it is not known.
        command: The command that fetches them.
        measure: Asks the server how many bytes are still to be fetched.
        fetch: Fetches them; what was fetched before is kept.
    """

    name: str
    license: str
    command: str
    measure: Callable[[], int]
    fetch: Callable[[Progress | None], object]


def find_missing_weights(requests: Iterable[Request]) -> list[MissingWeights]:
    """List the weights that backends need and that are not on this machine; no server is asked.

    A backend that is given a folder or a file of the user's needs nothing from elsewhere; whether that is whole is for
    the backend to say.

    Args:
        requests: The backends, in the order in which they will be made.

    Returns:
        What is missing, each once.

    Raises:
        UnknownBackendError: No such backend.
        OptionError: An option that a backend does not have.
        MissingExtraError: A package that a backend needs is not installed.
    """
    weights = [missing for request in requests for missing in _find_missing(request)]
    return list({missing.command: missing for missing in weights}.values())


def _find_missing(request: Request) -> Iterator[MissingWeights]:
    cls = request.registry.load(request.name)
    convert_options(cls, request.options, where=f"{request.registry.kind} {request.name!r}")
    if request.registry is generators and request.name == "diffusers":
        candidates = [_find_missing_pipeline(request.options), _find_missing_adapter(request.options.get("adapter"))]
    else:
        candidates = [_find_missing_backend(request, cls)]
    missing = [item for item in candidates if item is not None]
    if missing:
        with contextlib.suppress(WeightsError):  # absent packages and bad options are said before anything is fetched
            request.make()
    yield from missing


def _find_missing_backend(request: Request, cls: type[BaseBackend]) -> MissingWeights | None:
    model, files = cls.hub_model, cls.weight_files
    if model is not None:
        return _find_missing_model(request.name, model, request.options)
    if not files or ("weights" in describe_options(cls) and request.options.get("weights")):
        return None
    try:
        find_weights(request.name, files)
    except WeightsError:
        return MissingWeights(
            request.name,
            " and ".join(sorted({file.licence for file in files})),
            f"dsrbench backends pull {request.name}",
            lambda: sum(file.size for file in files),
            lambda progress: pull(request.name, files, progress=progress),
        )
    return None


def _find_missing_model(backend: str, default: HubModel, options: Mapping[str, str]) -> MissingWeights | None:
    from dsrbench.backends.pretrained.snapshots import (
        find_snapshot,
        is_hub_id,
        measure_snapshot,
        pull_command,
        pull_snapshot,
    )

    model, revision = options.get("model", default.id), options.get("revision")
    if Path(model).expanduser().is_dir() or not is_hub_id(model):
        return None
    try:
        find_snapshot(model, revision=revision, backend=backend, default=default)
    except WeightsError:
        return MissingWeights(
            model,
            default.licence if model == default.id else "",
            pull_command(model, revision=revision, backend=backend, default=default),
            functools.partial(measure_snapshot, model, revision=revision),
            lambda _: pull_snapshot(model, revision=revision, backend=backend, default=default),
        )
    return None


def missing_model(user: str, default: HubModel, model: str, revision: str | None) -> MissingWeights | None:
    """Return what is missing of a model of transformers that is no backend; None where it is on this machine.

    Args:
        user: Name that `dsrbench backends pull` knows, such as `upsampler`.
        default: Model that it takes by default.
        model: A folder, or an id on the Hub.
        revision: A branch, tag or commit; by default the main branch.
    """
    return _find_missing_model(user, default, {"model": model, **({"revision": revision} if revision else {})})


def _find_missing_pipeline(options: Mapping[str, str]) -> MissingWeights | None:
    from dsrbench.backends.generators.loading import find_model, measure_model, pull_model
    from dsrbench.backends.generators.pipelines import DEFAULT
    from dsrbench.backends.generators.recipe import read_recipe, recipe_names
    from dsrbench.backends.pretrained.pipelines import pull_pipeline_command
    from dsrbench.backends.pretrained.snapshots import is_hub_id

    model, revision = options.get("model", DEFAULT), options.get("revision")
    name = recipe_names().get(model)
    if name is None and (Path(model).expanduser().is_dir() or not is_hub_id(model)):
        return None
    try:
        find_model(model, revision=revision)
    except WeightsError:
        recipe = read_recipe(name) if name is not None else None
        suffix = f" --revision {revision}" if revision else ""
        return MissingWeights(
            recipe.id if recipe is not None else model,
            recipe.licence if recipe is not None else "",
            f"dsrbench backends pull {name}{suffix}" if name else pull_pipeline_command(model, revision),
            functools.partial(measure_model, model, revision=revision),
            lambda _: pull_model(model, revision=revision),
        )
    return None


def _find_missing_adapter(adapter: str | None) -> MissingWeights | None:
    from dsrbench.backends.pretrained.pipelines import find_cached, pull_files
    from dsrbench.backends.pretrained.snapshots import is_hub_id, measure_files

    if adapter is None or Path(adapter).exists() or not is_hub_id(adapter) or find_cached(adapter, None) is not None:
        return None
    patterns = ["*.safetensors"]
    return MissingWeights(
        adapter,
        "",
        f"hf download {adapter}",
        functools.partial(measure_files, adapter, patterns, feature=f"adapter {adapter}"),
        lambda _: pull_files(adapter, patterns),
    )


def fetch_weights(
    missing: Sequence[MissingWeights],
    *,
    offline: bool = False,
    say: Callable[[str], None],
    progress: Progress | None = None,
) -> None:
    """Fetch what is missing, after one line for each with its name, size and license.

    Args:
        missing: The result of `find_missing_weights`.
        offline: Refuse to ask a server; the environment variables `DSRBENCH_OFFLINE=1` and `HF_HUB_OFFLINE=1` do too.
        say: Called with each line.
        progress: Called with every block of a plain file; models on the Hub draw bars of their own on a terminal.

    Raises:
        DownloadError: Offline, or a server did not give something; the message has every command that is needed.
    """
    commands = " && ".join(item.command for item in missing)
    if missing and (offline or is_offline()):
        names = ", ".join(item.name for item in missing)
        raise DownloadError(f"offline, and not on this machine: {names}. With a network, run: {commands}")
    for index, item in enumerate(missing):
        try:
            size = f"{item.measure() / 1e6:,.1f} MB"
            say(f"fetching {item.name}: {size}, {item.license or 'license: see its page on the Hub'}")
            item.fetch(progress)
        except DownloadError as error:
            left = " && ".join(other.command for other in missing[index:])
            raise DownloadError(f"{error}. What was fetched is kept; to fetch the rest, run: {left}") from None
