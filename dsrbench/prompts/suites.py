"""Suites: named, versioned sets of prompts, read from JSON Lines, a table with the paper's columns, or text."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dsrbench.errors import PromptError, StoreError, near_matches
from dsrbench.hub import fetch_file, is_hub_path
from dsrbench.prompts.public import FORMATS, read_public
from dsrbench.prompts.rows import Rows, read_csv, read_jsonl, read_lines
from dsrbench.types import Prompt

READERS = {".jsonl": read_jsonl, ".csv": read_csv, ".txt": read_lines}
"""Reader of a suite file, by file extension."""

DATA_FOLDER = Path(__file__).parent / "data"
"""Folder of the package's suites, one NAME.jsonl each."""


@dataclasses.dataclass(frozen=True)
class Suite:
    """A named, versioned set of prompts on which results are compared.

    Attributes:
        name: Name of the suite in reports.
        version: Version of the data; empty if the file has none.
        prompts: Prompts in the order of the file, at least one, with unique ids.
    """

    name: str
    version: str
    prompts: tuple[Prompt, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "prompts", tuple(self.prompts))
        if not self.prompts:
            raise PromptError(f"suite {self.name!r} has no prompts; it needs at least one")
        if len(self._by_id) != len(self.prompts):
            ids = [prompt.id for prompt in self.prompts]
            twice = sorted({i for i in ids if ids.count(i) > 1})
            raise PromptError(f"suite {self.name!r}: ids must be unique, these are not: {', '.join(twice)}")

    def __len__(self) -> int:
        return len(self.prompts)

    def __iter__(self) -> Iterator[Prompt]:
        return iter(self.prompts)

    @functools.cached_property
    def _by_id(self) -> dict[str, Prompt]:
        return {prompt.id: prompt for prompt in self.prompts}

    @functools.cached_property
    def sha256(self) -> str:
        """Hash of the prompts, 64 hexadecimal digits, independent of the file's name, format and order."""
        fields = [describe_prompt(prompt) for prompt in sorted(self.prompts, key=lambda p: p.id)]
        text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def get(self, id: str) -> Prompt:
        """Return the prompt of an id.

        Raises:
            PromptError: There is no such prompt.
        """
        if id not in self._by_id:
            hint = near_matches(id, self._by_id).partition(" Known:")[0]
            raise PromptError(f"suite {self.name!r} has no prompt {id!r} among its {len(self)}{hint}")
        return self._by_id[id]


def describe_prompt(prompt: Prompt) -> dict[str, Any]:
    """Return every field of a prompt as JSON values: relations as joined codes, several claims under `clauses`."""
    fields: dict[str, Any] = {"id": prompt.id, "text": prompt.text}
    if prompt.further:
        clauses = [{"subject": c.subject, "object": c.object, "relations": c.type} for c in prompt.clauses]
        fields["clauses"] = clauses
    else:
        fields.update(subject=prompt.subject, object=prompt.object, relations=prompt.type)
    return {**fields, "scene": prompt.scene, "split": prompt.split, "tags": list(prompt.tags)}


def list_suites() -> list[str]:
    """List the names of the package's suites, sorted."""
    return sorted(path.stem for path in DATA_FOLDER.glob("*.jsonl"))


def read_suite(source: str | Path) -> Suite:
    """Read a suite.

    - `.jsonl`: one prompt per line with `id`, `text`, `subject`, `object`, `relations` ("LR" or a list; "L" throughout;
      ">L" for a motion, whose object is empty), and optionally `scene`, `split`, `tags`. A prompt of several claims has
      `clauses` in place of these three, a list of objects with them. With `text` alone, with or without `id`, the
      grammar reads the text. The first line may be `{"suite": NAME, "version": VERSION}`.
    - `.csv`: the columns `type`, `prompt_id`, `animal`, `object`, `scene`, `initial_SR`, `final_SR`, `prompt` in any
      order, others ignored; or `prompt` alone, with or without `prompt_id`, which the grammar reads. In a table with
      the single column `prompt`, texts may have commas without quotes.
    - `.txt`: one prompt per line, which the grammar reads.
    - `vbench:FILE`, `vbench2:FILE` and `t2v-compbench:FILE`: prompt files of these benchmarks, JSON or text.

    Args:
        source: A path, the name of one of the package's suites (`NAME:SPLIT` reads one split of it), or a file of a
            dataset on the Hub, `hf://datasets/OWNER/NAME/FILE`.

    Raises:
        HubError: The file is not on the Hub, or may not be read.
        PromptError: There is no such file, name or split, the file is empty, or a line is no prompt.
    """
    benchmark, _, file = str(source).partition(":")
    if isinstance(source, str) and benchmark in FORMATS and file:
        return _make_suite(Path(file), *read_public(benchmark, _read_text(Path(file)), file))
    path = fetch_file(str(source)) if is_hub_path(source) else Path(source)
    if isinstance(source, str) and source.partition(":")[0] in list_suites() and ":" in source:
        return _take_split(*source.split(":", 1))
    if isinstance(source, str) and source in list_suites():
        path = DATA_FOLDER / f"{source}.jsonl"
    elif path.suffix.lower() not in READERS:
        if isinstance(source, str) and not path.exists() and path.name == source:
            raise PromptError(
                f"no suite named {source!r}{near_matches(source, list_suites())}. A path must end in .jsonl, .csv or "
                f".txt"
            )
        raise PromptError(f"{path}: a suite must be a .jsonl, .csv or .txt file, got {path.suffix or 'no extension'!r}")
    return _make_suite(path, *READERS[path.suffix.lower()](_read_text(path), str(path)))


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise PromptError(f"{path}, line {line}: not UTF-8 text; save the suite as UTF-8") from None
    except OSError as error:
        raise PromptError(f"{path}: the suite cannot be read ({error.strerror})") from None


def _make_suite(path: Path, header: Mapping[str, str], rows: Rows) -> Suite:
    lines: dict[str, int] = {}
    for line, prompt in rows:
        if prompt.id in lines:
            raise PromptError(
                f"{path}, line {line}: the id {prompt.id!r} was used on line {lines[prompt.id]}; ids must be unique"
            )
        lines[prompt.id] = line
    if not rows:
        raise PromptError(f"{path}: the suite has no prompts; it needs at least one")
    return Suite(header.get("suite", path.stem), header.get("version", ""), tuple(prompt for _, prompt in rows))


def _take_split(name: str, split: str) -> Suite:
    suite = read_suite(name)
    prompts = tuple(prompt for prompt in suite if prompt.split == split)
    if not prompts:
        splits = sorted({prompt.split for prompt in suite})
        raise PromptError(f"suite {name!r} has no split {split!r}{near_matches(split, splits)}")
    return Suite(f"{name}-{split}", suite.version, prompts)


def write_suite(suite: Suite, path: str | Path) -> None:
    """Write a suite as JSON Lines, which `read_suite` reads as an equal suite; an existing file is replaced whole.

    Raises:
        PromptError: The path does not end in .jsonl.
        StoreError: The file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".jsonl":
        raise PromptError(f"{path}: a suite is written as .jsonl, got {path.suffix or 'no extension'!r}")
    lines: list[dict[str, Any]] = [{"suite": suite.name, "version": suite.version}]
    for prompt in suite.prompts:
        optional = ("scene", "split", "tags")
        lines.append({key: value for key, value in describe_prompt(prompt).items() if value or key not in optional})
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("x", encoding="utf-8", newline="\n") as file:
            file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise StoreError(f"{path}: the suite cannot be written ({error.strerror})") from None
    finally:
        part.unlink(missing_ok=True)
