"""Find a text-to-video pipeline by name, folder or id, and load it from safetensors without running its code."""

from __future__ import annotations

import contextlib
import dataclasses
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dsrbench.backends.generators.adapter import load_adapter
from dsrbench.backends.generators.recipe import Recipe, match_recipe, read_recipe, recipe_names
from dsrbench.backends.generators.settings import Settings
from dsrbench.backends.pretrained.acceleration import check_attention, select_attention
from dsrbench.backends.pretrained.batches import explaining_memory, is_out_of_memory
from dsrbench.backends.pretrained.devices import check_device
from dsrbench.backends.pretrained.pipelines import (
    INDEX,
    PipelineFolder,
    find_part,
    find_pipeline,
    measure_pipeline,
    pull_files,
    pull_pipeline,
    read_index,
)
from dsrbench.backends.pretrained.snapshots import measure_files
from dsrbench.errors import BackendError, DSRBenchError, MissingExtraError, OptionError, WeightsError, first_line

OFFLOADS = ("none", "model", "sequential")
"""Values of the option `offload`."""

PART_FILES = ("config.json", "*.safetensors")
"""File patterns of a component that has a repository of its own."""

ADVICE = (
    "take fewer frames (frames=), a smaller size (height=, width=), vae_tiling=true, batch=1, offload=model or "
    "offload=sequential"
)
"""Advice that ends the message when memory runs out."""


@dataclasses.dataclass(frozen=True)
class Model:
    """A pipeline on disk with the recipe that runs it.

    Attributes:
        recipe: Settings with which it is run.
        source: Folder of its weights.
        parts: Folders of components that have repositories of their own.
        is_released: Whether the weights are those that the recipe names; other weights keep their own scheduler.
        fingerprint: Identity of the weights, as JSON values.
    """

    recipe: Recipe
    source: PipelineFolder
    parts: Mapping[str, Path]
    is_released: bool
    fingerprint: dict[str, Any]


def find_model(model: str, *, revision: str | None) -> Model:
    """Find the model that a user names, without asking a server or loading weights.

    Args:
        model: The name of a recipe or an alias, a folder, or an id on the Hub.
        revision: A branch, tag or commit on the Hub; by default the recipe's, or the main branch.

    Raises:
        WeightsError: The model is not on disk; the message gives the command that fetches it.
        InputError: The folder is no pipeline, or there is no recipe for it.
    """
    names = recipe_names()
    if model not in names:
        source = find_pipeline(model, revision=revision)
        recipe = match_recipe(source.folder, source.pipeline)
        return Model(recipe, source, {}, source.name == recipe.id, source.fingerprint())
    recipe = read_recipe(names[model])
    fetch = f"dsrbench backends pull {recipe.name}{f' --revision {revision}' if revision else ''}"
    source = find_pipeline(recipe.id, revision=revision or recipe.revision, without=recipe.without, fetch=fetch)
    repositories = {part: find_part(where["id"], fetch=fetch) for part, where in recipe.parts.items()}
    commits = {
        part: {"model": recipe.parts[part]["id"], "commit": commit} for part, (_, commit) in repositories.items()
    }
    return Model(
        recipe,
        source,
        {part: folder for part, (folder, _) in repositories.items()},
        True,
        {**source.fingerprint(), **commits},
    )


def pull_model(model: str, *, revision: str | None) -> Model:
    """Fetch the missing files of a model; a local folder is only checked.

    Args:
        model: The name of a recipe or an alias, an id on the Hub, or a folder.
        revision: A branch, tag or commit on the Hub.

    Raises:
        DownloadError: Offline, no network, no such model, terms not accepted, or nowhere to write it.
        WeightsError: A file that the model needs is not in its repository.
        InputError: It is no pipeline, or there is no recipe for it.
    """
    names = recipe_names()
    if model in names:
        recipe = read_recipe(names[model])
        pull_pipeline(recipe.id, revision=revision or recipe.revision, without=recipe.without)
        for where in recipe.parts.values():
            pull_files(where["id"], [*PART_FILES])
    elif not Path(model).expanduser().is_dir():
        index = pull_files(model, [INDEX], revision=revision)
        match_recipe(index, str(read_index(index)["_class_name"]))  # checked before gigabytes are fetched
        pull_pipeline(model, revision=revision)
    return find_model(model, revision=revision)


def measure_model(model: str, *, revision: str | None) -> int:
    """Ask the Hub how many bytes of a model are not in the cache yet.

    Args:
        model: The name of a recipe or an alias, or an id on the Hub.
        revision: A branch, tag or commit on the Hub.

    Raises:
        DownloadError: Offline, no network, no such model, or terms not accepted.
        InputError: It is no pipeline, or there is no recipe for it.
    """
    name = recipe_names().get(model)
    if name is None:
        index = pull_files(model, [INDEX], revision=revision)
        match_recipe(index, str(read_index(index)["_class_name"]))
        return measure_pipeline(model, revision=revision)
    recipe = read_recipe(name)
    parts = (measure_files(where["id"], [*PART_FILES], feature=f"model {name}") for where in recipe.parts.values())
    return measure_pipeline(recipe.id, revision=revision or recipe.revision, without=recipe.without) + sum(parts)


@dataclasses.dataclass(frozen=True)
class Placement:
    """Device and memory settings of a pipeline.

    Attributes:
        device: Device name of torch; None for CUDA if torch can use it, else the CPU.
        offload: One of `OFFLOADS`: the parts that stay in main memory until they are used.
        vae_tiling: Whether videos are decoded tile by tile.
        adapter: Path of a LoRA from `find_adapter`.
        adapter_scale: Factor of the adapter's change.
        attention: Attention kernel of the transformer; None for that of diffusers.
    """

    device: str | None = None
    offload: str = "none"
    vae_tiling: bool = False
    adapter: Path | None = None
    adapter_scale: float = 1.0
    attention: str | None = None

    def check(self) -> None:
        """Check that the machine supports this placement.

        Raises:
            OptionError: The offload is unknown, or the device or the attention kernel cannot be used.
        """
        if self.attention is not None:
            check_attention(self.attention)
        if self.offload not in OFFLOADS:
            raise OptionError(f"offload must be one of {', '.join(OFFLOADS)}; got {self.offload!r}")
        if self.device is not None or self.offload != "none":
            device = check_device(self.device)
            if self.offload != "none" and device == "cpu":
                raise OptionError(f"offload={self.offload} moves parts of the model off a GPU, and there is none")


def load_pipeline(model: Model, settings: Settings, placement: Placement) -> Any:
    """Load a pipeline and move it to its device.

    Raises:
        WeightsError: The weights are damaged, or the adapter does not fit.
        MissingExtraError: A package the model needs is not installed.
        BackendError: diffusers is too old, or the model does not fit into memory.
    """
    import diffusers

    cls = getattr(diffusers, model.recipe.pipeline, None)
    if cls is None:
        raise BackendError(f"diffusers {diffusers.__version__} has no {model.recipe.pipeline}; install a newer one")
    device = check_device(placement.device)
    with quiet(), explaining(f"{model.recipe.name} on {device}"):
        try:
            pipe = _read(cls, model, settings)
        except ImportError as error:
            raise MissingExtraError(f"model {model.recipe.name}", _package(error), "generate") from None
        except DSRBenchError:
            raise
        except Exception as error:  # the errors of diffusers, transformers and safetensors are not documented
            if is_out_of_memory(error):
                raise
            reason = first_line(error)
            raise WeightsError(f"{model.source.folder}: the pipeline cannot be loaded ({reason})") from error
        _adjust(pipe, model, settings, placement)
        if placement.offload == "model":
            pipe.enable_model_cpu_offload(device=device)
        elif placement.offload == "sequential":
            pipe.enable_sequential_cpu_offload(device=device)
        else:
            pipe.to(device)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def _read(cls: Any, model: Model, settings: Settings) -> Any:
    import diffusers
    import torch

    dtypes = {part: getattr(torch, name) for part, name in settings.dtypes.items()}
    local = {"local_files_only": True, "use_safetensors": True}
    parts = {
        part: getattr(diffusers, model.recipe.parts[part]["class"]).from_pretrained(
            folder, dtype=dtypes.get(part, dtypes["default"]), **local
        )
        for part, folder in model.parts.items()
    }
    without = dict.fromkeys(model.recipe.without) if model.parts else {}
    return cls.from_pretrained(model.source.folder, dtype=dtypes, trust_remote_code=False, **local, **parts, **without)


def _adjust(pipe: Any, model: Model, settings: Settings, placement: Placement) -> None:
    """Set scheduler, guidance, tiling, adapter and attention kernel of a loaded pipeline."""
    import diffusers

    recipe = model.recipe
    if recipe.scheduler and model.is_released:
        changes = dict(recipe.scheduler)
        cls = getattr(diffusers, changes.pop("class", type(pipe.scheduler).__name__))
        pipe.scheduler = cls.from_config(pipe.scheduler.config, **changes)
    if recipe.guidance_argument == "guider":
        pipe.guider = pipe.guider.new(guidance_scale=settings.guidance)
    if placement.vae_tiling:
        pipe.vae.enable_tiling()
    if placement.adapter is not None:
        load_adapter(getattr(pipe, recipe.lora), placement.adapter, scale=placement.adapter_scale)
    if placement.attention is not None:
        select_attention(getattr(pipe, recipe.lora), placement.attention)


def explaining(what: str) -> contextlib.AbstractContextManager[None]:
    """Replace an out-of-memory error by a line that says which options need less memory.

    Raises:
        BackendError: Memory ran out.
    """
    return explaining_memory(lambda reason: BackendError(f"{what}: out of memory ({reason}); {ADVICE}"))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence the progress bars and messages of diffusers and transformers."""
    from diffusers.utils import logging

    from dsrbench.backends.pretrained.models import quiet as quiet_transformers

    level, had_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with quiet_transformers(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
        if had_bars:
            logging.enable_progress_bar()


def _package(error: ImportError) -> str:
    """Return the package that an import failed for, by the error's name or the message of another library."""
    packages = ("sentencepiece", "protobuf", "accelerate", "transformers", "ftfy")
    return error.name or next((name for name in packages if name in str(error)), "transformers")
