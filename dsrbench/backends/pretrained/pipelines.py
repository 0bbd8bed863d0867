"""Folders of diffusers pipelines: yours, or from the Hub's cache; what they must have, and what is fetched of them.

A pipeline is a folder with model_index.json and a folder a component. Only safetensors and data are fetched and
accepted; Python code and pickled weights are neither.
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
KEPT = ("*.json", "*.txt", "*.model", "*.jinja", "*.safetensors")
"""What is fetched of a component: configuration, vocabulary, templates, weights."""

LEFT = ("*.fp16*", "*.bf16*", "*.non_ema*")
"""What is left: second copies of the weights, in other precisions."""

LIBRARIES = ("diffusers", "transformers")


@dataclasses.dataclass(frozen=True)
class PipelineFolder:
    """A pipeline on disk, looked through but not loaded.

    Attributes:
        name: Its id on the Hub, or the name of its folder.
        folder: Where model_index.json is.
        commit: The commit of the Hub's repository; empty for a folder of yours.
        pipeline: Its class.
        components: Folders of the components.
    """

    name: str
    folder: Path
    commit: str
    pipeline: str
    components: tuple[str, ...]

    def fingerprint(self) -> dict[str, Any]:
        """What tells it from every other pipeline: its commit, or else the sha256 of each file."""
        if self.commit:
            return {"model": self.name, "commit": self.commit}
        files = {path for pattern in KEPT for part in self.components for path in (self.folder / part).glob(pattern)}
        named = {path.relative_to(self.folder).as_posix(): path for path in (self.folder / INDEX, *files)}
        return {"model": self.name, "weights": {name: remember_sha256(path) for name, path in sorted(named.items())}}

    @property
    def needs_sentencepiece(self) -> bool:
        """Whether a tokenizer is a sentencepiece model alone."""
        tokenizers = [self.folder / part for part in self.components]
        return any(any(part.glob("*.model")) and not (part / "tokenizer.json").is_file() for part in tokenizers)


def open_pipeline(folder: Path, *, name: str = "", commit: str = "", without: Iterable[str] = ()) -> PipelineFolder:
    """Look through a pipeline's folder.

    Args:
        folder: The folder.
        name: Its id on the Hub; by default the folder's name.
        commit: Its commit there.
        without: Components that are not wanted of it.

    Raises:
        InputError: It is no pipeline.
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
    """The model_index.json of a folder.

    Raises:
        InputError: There is none, or it names no class.
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
    """Components of a pipeline that are not empty; a safety checker is never loaded.

    >>> list_components({"_class_name": "X", "vae": ["diffusers", "V"], "unet": [None, None], "boundary_ratio": None})
    ['vae']
    """
    return [
        key
        for key, value in index.items()
        if isinstance(value, list) and len(value) == 2 and all(value) and key != "safety_checker"
    ]


def _find_problem(component: Path, kind: list[Any]) -> str:
    """What keeps a component from being loaded; nothing where it can be."""
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
    """A pipeline in a local folder or in the Hub's cache; no server is asked.

    Args:
        model: A folder, or an id on the Hub.
        revision: A branch, tag or commit on the Hub; by default its main branch.
        without: Components that are not wanted of it.
        fetch: The command that fetches it, for messages.

    Raises:
        InputError: A folder that is no pipeline.
        OptionError: A revision of a local folder.
        WeightsError: It is not there, or not all of it.
        MissingExtraError: An id on the Hub, and huggingface_hub is not installed.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        if revision is not None:
            raise OptionError(f"a revision belongs to a model on the Hub; {model} is a folder")
        return open_pipeline(folder, without=without)
    found = find_cached(model, revision)
    hint = f". Fetch it with: {fetch or pull_pipeline_command(model, revision)}"
    if found is None or not (found / INDEX).is_file():
        raise WeightsError(f"{at_revision(model, revision)} is not in the Hub's cache{hint}")
    try:
        return open_pipeline(found, name=model, commit=found.name, without=without)
    except WeightsError as error:
        raise WeightsError(f"{error}{hint}") from None


def find_part(model: str, *, fetch: str) -> tuple[Path, str]:
    """The folder and commit of a component that has a repository of its own, in the Hub's cache.

    Raises:
        WeightsError: It is not there.
    """
    found = find_cached(model, None)
    problem = _find_problem(found, ["diffusers"]) if found is not None else "it is not in the Hub's cache"
    if found is None or problem:
        raise WeightsError(f"{model}: {problem}. Fetch it with: {fetch}")
    return found, found.name


def find_cached(model: str, revision: str | None) -> Path | None:
    """The folder of a repository in the Hub's cache, whatever of it is there; None where nothing is.

    Raises:
        WeightsError: It can be no id on the Hub.
        MissingExtraError: huggingface_hub is not installed.
    """
    check_id(model)
    hub = import_hub("backend 'diffusers'", "hf")
    try:
        return Path(hub.snapshot_download(model, revision=revision, local_files_only=True, allow_patterns=[INDEX]))
    except (OSError, ValueError, hub.errors.EntryNotFoundError):
        return None


def pull_pipeline_command(model: str, revision: str | None) -> str:
    """What fetches a pipeline.

    >>> pull_pipeline_command("me/mine", None)
    'dsrbench backends pull diffusers --model me/mine'
    """
    return f"dsrbench backends pull diffusers --model {model}{f' --revision {revision}' if revision else ''}"


def pull_pipeline(model: str, *, revision: str | None = None, without: Iterable[str] = ()) -> PipelineFolder:
    """Fetch what is absent of a pipeline on the Hub: its components, and no second copies of the weights.

    Raises:
        DownloadError: Offline, no network, no such model, terms not accepted, or nowhere to write it.
        InputError: It is no pipeline.
        WeightsError: A component has no safetensors, or is code.
    """
    left = set(without)
    folder = pull_files(model, _pull_patterns(model, revision, left), revision=revision)
    return open_pipeline(folder, name=model, commit=folder.name, without=left)


def measure_pipeline(model: str, *, revision: str | None = None, without: Iterable[str] = ()) -> int:
    """Ask the Hub how many bytes of a pipeline are not in the cache yet.

    Raises:
        DownloadError: Offline, no network, no such model, or terms not accepted.
        InputError: It is no pipeline.
    """
    patterns = _pull_patterns(model, revision, set(without))
    return measure_files(model, patterns, ignored=[*LEFT], revision=revision, feature="backend 'diffusers'")


def _pull_patterns(model: str, revision: str | None, left: set[str]) -> list[str]:
    """Patterns of the files of a pipeline, from its index, which is fetched first."""
    index = read_index(pull_files(model, [INDEX], revision=revision))
    parts = [part for part in list_components(index) if part not in left]
    return [INDEX, *(f"{part}/{pattern}" for part in parts for pattern in KEPT)]


def pull_files(model: str, patterns: list[str], *, revision: str | None = None) -> Path:
    """Fetch files of a repository on the Hub; the folder they are in.

    Raises:
        DownloadError: Offline, no network, no such model, terms not accepted, or nowhere to write it.
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
        return Path(hub.snapshot_download(model, revision=revision, allow_patterns=patterns, ignore_patterns=[*LEFT]))
    except Exception as error:  # HTTP, network, disk and more, of two libraries
        raise DownloadError(f"{at_revision(model, revision)}: {explain_hub_error(error, model, hub)}") from None
