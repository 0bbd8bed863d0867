"""Models as folders of safetensors: a local folder, or a revision in the Hub's local cache.

Only `pull_snapshot` downloads. Pickled weights are neither fetched nor read.
"""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

from dsrbench.errors import DownloadError, OptionError, WeightsError
from dsrbench.hub import HubModel, is_offline
from dsrbench.hub.connection import hush_hub, import_hub
from dsrbench.video import sha256_file

FILE_PATTERNS = ("*.json", "*.txt", "*.model", "*.jinja", "*.safetensors")
"""Patterns of a repository's files that are fetched: configuration, vocabulary, templates, weights."""

_HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*")


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """A model on disk.

    Attributes:
        name: Id on the Hub, or name of the local folder.
        folder: Folder with config.json and the weights.
        commit: Commit of the Hub's repository; empty for a local folder.
    """

    name: str
    folder: Path
    commit: str = ""

    def fingerprint(self) -> dict[str, Any]:
        """Return the identity of the model: its commit, or else the sha256 of each file."""
        if self.commit:
            return {"model": self.name, "commit": self.commit}
        files = sorted(path for pattern in FILE_PATTERNS for path in self.folder.glob(pattern))
        return {"model": self.name, "weights": {path.name: sha256_file(path) for path in files}}

    @property
    def model_type(self) -> str:
        """Value of `model_type` in config.json.

        Raises:
            WeightsError: The file has no such value.
        """
        try:
            return str(json.loads((self.folder / "config.json").read_text(encoding="utf-8"))["model_type"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise WeightsError(f"{self.folder}: config.json names no model_type ({type(error).__name__})") from error


def find_snapshot(model: str, *, revision: str | None = None, backend: str, default: HubModel) -> Snapshot:
    """Find a model in a local folder or in the Hub's cache, without asking a server.

    Args:
        model: A folder, or an id on the Hub.
        revision: A branch, tag or commit on the Hub; by default its main branch.
        backend: Name of the backend, for the command that fetches the model.
        default: Default model of the backend, which that command need not name.

    Raises:
        WeightsError: The model, or a part of it, is not on disk; the message gives the command that fetches it.
        OptionError: A revision is given for a local folder.
        MissingExtraError: The model is an id on the Hub, and huggingface_hub is not installed.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        if revision is not None:
            raise OptionError(f"a revision belongs to a model on the Hub; {model} is a folder")
        absent = _absent_files(folder)
        if absent:
            raise WeightsError(f"{folder} is no model: {absent} is not in it; pickled weights are not read")
        return Snapshot(folder.resolve().name, folder)
    check_id(model)
    hub = import_hub(f"backend {backend!r}", "hf")
    fetch = f"Fetch it with: {pull_command(model, revision=revision, backend=backend, default=default)}"
    try:
        cached = Path(
            hub.snapshot_download(model, revision=revision, local_files_only=True, allow_patterns=[*FILE_PATTERNS])
        )
    except (OSError, ValueError, hub.errors.EntryNotFoundError):
        raise WeightsError(
            f"{backend}: {at_revision(model, revision)} is not in the cache, or only in part. {fetch}"
        ) from None
    absent = _absent_files(cached)
    if absent:
        raise WeightsError(f"{backend}: {absent} of {at_revision(model, revision)} is not in the cache. {fetch}")
    return Snapshot(model, cached, cached.name)


def pull_snapshot(
    model: str, *, revision: str | None = None, offline: bool = False, backend: str, default: HubModel
) -> Snapshot:
    """Fetch the missing files of a model on the Hub; a local folder is only checked.

    Args:
        model: An id on the Hub, or a folder.
        revision: A branch, tag or commit; by default the main branch.
        offline: Ask no server; the environment variables `DSRBENCH_OFFLINE=1` and `HF_HUB_OFFLINE=1` have the same
            effect.
        backend: Name of the backend.
        default: Default model of the backend.

    Raises:
        DownloadError: Offline, no network, no such model or revision, terms not accepted, or the cache cannot be
            written.
        WeightsError: The model has no safetensors, or there is no such folder.
    """
    if Path(model).expanduser().is_dir():
        return find_snapshot(model, revision=revision, backend=backend, default=default)
    if offline or is_offline():
        try:
            return find_snapshot(model, revision=revision, backend=backend, default=default)
        except WeightsError as error:
            raise DownloadError(f"offline, and {error}") from None
    check_id(model)
    hub = import_hub(f"backend {backend!r}", "hf")
    hush_hub(hub)
    try:
        folder = Path(hub.snapshot_download(model, revision=revision, allow_patterns=[*FILE_PATTERNS]))
    except Exception as error:  # errors of HTTP, network and disk, of two libraries
        raise DownloadError(f"{at_revision(model, revision)}: {explain_hub_error(error, model, hub)}") from None
    absent = _absent_files(folder)
    if absent:
        raise WeightsError(f"{at_revision(model, revision)} on the Hub has no {absent}; pickled weights are not read")
    return Snapshot(model, folder, folder.name)


def measure_snapshot(model: str, *, revision: str | None = None) -> int:
    """Ask the Hub how many bytes of a model are not in the cache yet.

    Raises:
        DownloadError: No network, no such model or revision, or terms not accepted.
    """
    return measure_files(model, [*FILE_PATTERNS], revision=revision, feature=f"model {model}")


def measure_files(
    model: str, patterns: list[str], *, ignored: list[str] | None = None, revision: str | None = None, feature: str
) -> int:
    """Ask the Hub how many bytes of a repository's files are not in the cache yet.

    Args:
        model: Id of the repository.
        patterns: Patterns of the files to measure.
        ignored: Patterns of files to leave out of these.
        revision: A branch, tag or commit; by default the main branch.
        feature: Feature that needs the Hub's package, for the message if that is not installed.

    Raises:
        DownloadError: No network, no such model or revision, or terms not accepted.
    """
    hub = import_hub(feature, "hf")
    hush_hub(hub)
    try:
        files = hub.snapshot_download(
            model, revision=revision, allow_patterns=patterns, ignore_patterns=ignored, dry_run=True
        )
    except Exception as error:  # errors of HTTP, network and disk, of two libraries
        raise DownloadError(f"{at_revision(model, revision)}: {explain_hub_error(error, model, hub)}") from None
    return sum(file.file_size for file in files if file.will_download)


def pull_command(model: str, *, revision: str | None, backend: str, default: HubModel) -> str:
    """Return the command that fetches a model.

    >>> pull_command("me/mine", revision="v2", backend="owlv2", default=HubModel("google/owlv2", "Apache-2.0"))
    'dsrbench backends pull owlv2 --model me/mine --revision v2'
    """
    other = f" --model {model}" if model != default.id else ""
    return f"dsrbench backends pull {backend}{other}{f' --revision {revision}' if revision else ''}"


def _absent_files(folder: Path) -> str:
    """Return the first file that a model needs and the folder lacks; empty if the model is complete."""
    if not (folder / "config.json").is_file():
        return "config.json"
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return "" if (folder / "model.safetensors").is_file() else "model.safetensors"
    try:
        shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return f"a readable {index.name}"
    return next((shard for shard in sorted(map(str, shards)) if not (folder / shard).is_file()), "")


def is_hub_id(text: str) -> bool:
    """Tell whether a text can be an id on the Hub.

    >>> is_hub_id("me/mine"), is_hub_id("./mine"), is_hub_id("mine")
    (True, False, False)
    """
    return _HUB_ID.fullmatch(text) is not None


def check_id(model: str) -> None:
    """Check that a text can be an id on the Hub.

    Raises:
        WeightsError: The text has another form.
    """
    if not is_hub_id(model):
        raise WeightsError(f"no such folder: {model} (and no id on the Hub, which would be OWNER/NAME)")


def at_revision(model: str, revision: str | None) -> str:
    """Format a model and its revision for messages."""
    return f"{model}@{revision}" if revision else model


def explain_hub_error(error: Exception, model: str, hub: Any) -> str:
    """Explain in one line why the Hub did not deliver a model."""
    first_line = next(iter(str(error).strip().splitlines()), "")
    if isinstance(error, hub.errors.GatedRepoError):
        return f"accept its terms at https://huggingface.co/{model}, then log in with: hf auth login"
    if isinstance(error, hub.errors.RevisionNotFoundError):
        return "no such revision on the Hub"
    if isinstance(error, hub.errors.RepositoryNotFoundError):
        return "no such model on the Hub, or a private one; log in with: hf auth login"
    if isinstance(error, hub.errors.HfHubHTTPError):
        return f"the Hub answers {first_line}"
    if isinstance(error, hub.errors.LocalEntryNotFoundError):
        return "no network, or the Hub does not answer; try again, what was fetched is kept"
    return f"{type(error).__name__}: {first_line}"
