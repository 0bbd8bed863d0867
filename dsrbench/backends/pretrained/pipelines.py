"""Folders of diffusers pipelines, local or in the Hub's cache: check their files and fetch missing ones.

A pipeline is a folder with a model_index.json and one folder per component. Only safetensors and data files are fetched
and accepted, never Python code or pickled weights.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dsrbench.backends.pretrained.hashes import remember_sha256
from dsrbench.backends.pretrained.snapshots import at_revision, check_id, explain_hub_error, measure_files
from dsrbench.errors import BackendError, DownloadError, InputError, OptionError, WeightsError
from dsrbench.hub import is_offline
from dsrbench.hub.connection import hush_hub, import_hub

INDEX = "model_index.json"
"""File that lists the components of a pipeline."""
FILE_PATTERNS = ("*.json", "*.txt", "*.model", "*.jinja", "*.safetensors")
"""Patterns of a component's files that are fetched: configuration, vocabulary, templates, weights."""

IGNORED_PATTERNS = ("*.fp16*", "*.bf16*", "*.non_ema*")
"""Patterns of files that are not fetched: second copies of the weights, in other precisions."""

LIBRARIES = ("diffusers", "transformers")
"""Libraries whose classes a component may have."""


@dataclasses.dataclass(frozen=True)
class PipelineFolder:
    """A pipeline on disk whose files are checked but not loaded.

    Attributes:
        name: Id on the Hub, or name of the local folder.
        folder: Folder with the model_index.json.
        commit: Commit of the Hub's repository; empty for a local folder.
        pipeline: Name of the pipeline's class.
        components: Names of the components, which are those of their folders.
    """

    name: str
    folder: Path
    commit: str
    pipeline: str
    components: tuple[str, ...]

    def fingerprint(self) -> dict[str, Any]:
        """Return the identity of the pipeline: its commit, or else the sha256 of each file."""
        if self.commit:
            return {"model": self.name, "commit": self.commit}
        files = {
            path for pattern in FILE_PATTERNS for part in self.components for path in (self.folder / part).glob(pattern)
        }
        named = {path.relative_to(self.folder).as_posix(): path for path in (self.folder / INDEX, *files)}
        return {"model": self.name, "weights": {name: remember_sha256(path) for name, path in sorted(named.items())}}

    @property
    def needs_sentencepiece(self) -> bool:
        """Whether a tokenizer has only a sentencepiece model, so that the package sentencepiece is needed."""
        tokenizers = [self.folder / part for part in self.components]
        return any(any(part.glob("*.model")) and not (part / "tokenizer.json").is_file() for part in tokenizers)


def open_pipeline(folder: Path, *, name: str = "", commit: str = "", without: Iterable[str] = ()) -> PipelineFolder:
    """Check a pipeline's folder and describe it.

    Args:
        folder: The pipeline's folder.
        name: Id on the Hub; by default the folder's name.
        commit: Commit on the Hub.
        without: Components to leave out.

    Raises:
        InputError: The folder is no pipeline.
        WeightsError: A component is absent, has no safetensors, or comes with code.
    """
    index = read_index(folder)
    components = tuple(part for part in list_components(index) if part not in set(without))
    for part in components:
        problem = _find_problem(folder / part, index[part])
        if problem:
            raise WeightsError(f"{name or folder}: {problem}")
    return PipelineFolder(name or folder.resolve().name, folder, commit, str(index["_class_name"]), components)


def read_index(folder: Path) -> dict[str, Any]:
    """Read the model_index.json of a folder.

    Raises:
        InputError: There is no such file, or it names no class of diffusers.
    """
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        kind = index["_class_name"]
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(
            f"model {folder}: expected a folder with the {INDEX} of a diffusers pipeline, or a model's name"
        ) from None
    if not isinstance(kind, str):
        raise InputError(f"model {folder}: its pipeline {kind!r} is code of its own, which is never run")
    return dict(index)


def list_components(index: Mapping[str, Any]) -> list[str]:
    """List the components of a pipeline that are not empty, without the safety checker, which is never loaded.

    >>> list_components({"_class_name": "X", "vae": ["diffusers", "V"], "unet": [None, None], "boundary_ratio": None})
    ['vae']
    """
    return [
        key
        for key, value in index.items()
        if isinstance(value, list) and len(value) == 2 and all(value) and key != "safety_checker"
    ]


def _find_problem(component: Path, kind: list[Any]) -> str:
    """Return the reason why a component cannot be loaded; empty if it can."""
    if kind[0] not in LIBRARIES:
        return f"component {component.name} is of {kind[0]!r}; only classes of {' and '.join(LIBRARIES)} are loaded"
    if not component.is_dir():
        return f"component {component.name} is not there"
    if any(component.glob("*.py")):
        return f"component {component.name} comes with Python code, which is never run"
    if not (component / "config.json").is_file():
        return ""
    shards: set[str] = set()
    for index in component.glob("*.safetensors.index.json"):
        try:
            shards |= set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return f"{component.name}/{index.name} cannot be read"
    absent = next((shard for shard in sorted(map(str, shards)) if not (component / shard).is_file()), "")
    if absent:
        return f"{component.name}/{absent} is not there"
    return "" if any(component.glob("*.safetensors")) else f"{component.name} has no safetensors; pickles are not read"


def find_pipeline(
    model: str, *, revision: str | None = None, without: Iterable[str] = (), fetch: str = ""
) -> PipelineFolder:
    """Find a pipeline in a local folder or in the Hub's cache, without asking a server.

    Args:
        model: A folder, or an id on the Hub.
        revision: A branch, tag or commit on the Hub; by default its main branch.
        without: Components to leave out.
        fetch: Command that fetches it, for messages.

    Raises:
        InputError: The folder is no pipeline.
        OptionError: A revision is given for a local folder.
        WeightsError: The pipeline, or a part of it, is not on disk.
        MissingExtraError: The model is an id on the Hub, and huggingface_hub is not installed.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        if revision is not None:
            raise OptionError(f"a revision belongs to a model on the Hub; {model} is a folder")
        return open_pipeline(folder, without=without)
    cached = find_cached(model, revision)
    hint = f". Fetch it with: {fetch or pull_pipeline_command(model, revision)}"
    if cached is None or not (cached / INDEX).is_file():
        raise WeightsError(f"{at_revision(model, revision)} is not in the Hub's cache{hint}")
    try:
        return open_pipeline(cached, name=model, commit=cached.name, without=without)
    except WeightsError as error:
        raise WeightsError(f"{error}{hint}") from None


def find_part(model: str, *, fetch: str) -> tuple[Path, str]:
    """Find the folder and commit of a component with a repository of its own, in the Hub's cache.

    Raises:
        WeightsError: The component is not in the cache.
    """
    cached = find_cached(model, None)
    problem = _find_problem(cached, ["diffusers"]) if cached is not None else "it is not in the Hub's cache"
    if cached is None or problem:
        raise WeightsError(f"{model}: {problem}. Fetch it with: {fetch}")
    return cached, cached.name


def find_cached(model: str, revision: str | None) -> Path | None:
    """Find the folder of a repository in the Hub's cache, which may be incomplete; None if there is none.

    Raises:
        WeightsError: The model is no valid id on the Hub.
        MissingExtraError: huggingface_hub is not installed.
    """
    check_id(model)
    hub = import_hub("backend 'diffusers'", "hf")
    try:
        return Path(hub.snapshot_download(model, revision=revision, local_files_only=True, allow_patterns=[INDEX]))
    except (OSError, ValueError, hub.errors.EntryNotFoundError):
        return None


def pull_pipeline_command(model: str, revision: str | None) -> str:
    """Return the command that fetches a pipeline.

    >>> pull_pipeline_command("me/mine", None)
    'dsrbench backends pull diffusers --model me/mine'
    """
    return f"dsrbench backends pull diffusers --model {model}{f' --revision {revision}' if revision else ''}"


def pull_pipeline(model: str, *, revision: str | None = None, without: Iterable[str] = ()) -> PipelineFolder:
    """Fetch the missing files of a pipeline on the Hub, without second copies of the weights.

    Raises:
        DownloadError: Offline, no network, no such model, terms not accepted, or the cache cannot be written.
        InputError: It is no pipeline.
        WeightsError: A component has no safetensors, or has Python code.
    """
    excluded = set(without)
    folder = pull_files(model, _pull_patterns(model, revision, excluded), revision=revision)
    return open_pipeline(folder, name=model, commit=folder.name, without=excluded)


def measure_pipeline(model: str, *, revision: str | None = None, without: Iterable[str] = ()) -> int:
    """Ask the Hub how many bytes of a pipeline are not in the cache yet.

    Raises:
        DownloadError: Offline, no network, no such model, or terms not accepted.
        InputError: It is no pipeline.
    """
    patterns = _pull_patterns(model, revision, set(without))
    return measure_files(model, patterns, ignored=[*IGNORED_PATTERNS], revision=revision, feature="backend 'diffusers'")


def _pull_patterns(model: str, revision: str | None, excluded: set[str]) -> list[str]:
    """Return the file patterns of a pipeline from its index, which is fetched first."""
    index = read_index(pull_files(model, [INDEX], revision=revision))
    parts = [part for part in list_components(index) if part not in excluded]
    return [INDEX, *(f"{part}/{pattern}" for part in parts for pattern in FILE_PATTERNS)]


def pull_files(model: str, patterns: list[str], *, revision: str | None = None) -> Path:
    """Fetch files of a repository on the Hub and return their folder.

    Raises:
        DownloadError: Offline, no network, no such model, terms not accepted, or the cache cannot be written.
    """
    if is_offline():
        raise DownloadError(f"offline, and {at_revision(model, revision)} is not known to be whole in the Hub's cache")
    try:
        check_id(model)
    except BackendError as error:
        raise DownloadError(str(error)) from None
    hub = import_hub("backend 'diffusers'", "hf")
    hush_hub(hub)
    try:
        return Path(
            hub.snapshot_download(
                model, revision=revision, allow_patterns=patterns, ignore_patterns=[*IGNORED_PATTERNS]
            )
        )
    except Exception as error:  # errors of HTTP, network and disk, of two libraries
        raise DownloadError(f"{at_revision(model, revision)}: {explain_hub_error(error, model, hub)}") from None
