"""Write files of pairs from runs and datasets, with the paths of their videos."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from dsrbench.dataset.pairs import Choice, Pair, PairReport, make_pairs, read_pairs, write_pairs
from dsrbench.dataset.read import HEAVY, is_dataset, iter_rows, read_row_video
from dsrbench.dataset.rows import sample_of
from dsrbench.dataset.share import find_dataset
from dsrbench.errors import InputError, VideoError
from dsrbench.hub import is_hub_path
from dsrbench.store import LocalDisk, Run, Sample, is_url
from dsrbench.types import HEADLINE_THRESHOLD, Prompt
from dsrbench.video import sha256_file

VIDEOS = "videos"
"""Folder next to a file of pairs for videos extracted from tables."""


def pair_sources(
    sources: Sequence[str | Run],
    out: Path,
    *,
    split: str = "train",
    threshold: float = HEADLINE_THRESHOLD,
    margin: float = 0.0,
    per_prompt: int | None = None,
    seed: int = 0,
) -> PairReport:
    """Write a file of pairs; each `video` in it is a path from the file's own folder.

    Videos that are files are not copied; videos inside tables are written to `videos/` next to the file of pairs, named
    by their hash.

    Args:
        sources: Runs or their folders, and datasets as folders or paths on the Hub.
        out: Path of the file of pairs.
        split: Split of the datasets to read.
        threshold: Minimum score of a winner, in 0..1.
        margin: Minimum difference of the scores of a pair.
        per_prompt: Maximum number of pairs of a prompt; None for no limit.
        seed: Random seed of the draw.

    Raises:
        InputError: A source is neither run nor dataset, two are of different suites or have a sample in common, or no
            prompt has both a winner and a loser.
        OptionError: An option is out of range.
        VideoError: A video of a pair is missing, or does not match its hash.
        StoreError: A run has not finished, or a file cannot be read or written.
    """
    opened = [_open(source) for source in sources]
    home = out.parent.resolve()
    samples = _join(opened, home, split)
    pairs, report = make_pairs(samples, threshold=threshold, margin=margin, per_prompt=per_prompt, seed=seed)
    if not pairs:
        raise InputError(
            f"{' '.join(map(str, sources))}: no pairs to train on: {report}; make more candidates a prompt"
        )
    chosen = {choice.sha256: choice for pair in pairs for choice in (pair.winner, pair.loser)}
    for place in opened:
        if isinstance(place, Path):
            _take_out(place, split, home, chosen)
    for choice in chosen.values():
        path = Path(os.path.normpath(home / choice.video))
        if not path.is_file():
            raise VideoError(f"{path}: no such file, though a pair is made of it; bring it back")
    write_pairs(out, pairs)
    return report


def adopt_pairs(source: Path, out: Path) -> int:
    """Copy a file of pairs from another folder with the paths of its videos adapted; return the number of pairs.

    Raises:
        InputError: The file is no file of pairs, or has none.
    """
    pairs = read_pairs(source)
    if not pairs:
        raise InputError(f"{source}: no pairs in it")
    origin, home = source.parent, out.parent.resolve()

    def move(choice: Choice) -> Choice:
        return dataclasses.replace(choice, video=_relative(origin / choice.video, home))

    moved: list[Pair] = [dataclasses.replace(p, winner=move(p.winner), loser=move(p.loser)) for p in pairs]
    write_pairs(out, moved)
    return len(moved)


def _open(source: str | Run) -> Run | Path:
    """Open a run, or find the folder of a dataset."""
    if isinstance(source, Run):
        return source
    if is_hub_path(source):
        return find_dataset(source)
    if is_url(source) or (Path(source) / "run.json").is_file():
        return Run.open(source)
    if not is_dataset(Path(source)):
        raise InputError(f"{source} is neither a run folder (no run.json) nor a dataset (no tables in data/)")
    return Path(source)


def _join(sources: Sequence[Run | Path], home: Path, split: str) -> Iterator[Sample]:
    """Yield the samples of all sources, each with the path of its video relative to `home`."""
    seen: dict[tuple[str, str, int], Run | Path] = {}
    prompts: dict[str, Prompt] = {}
    for source in sources:
        shown = source if isinstance(source, Path) else source.disk.shown
        for sample in locate_samples(source, home) if isinstance(source, Run) else _of_dataset(source, home, split):
            if sample.id in seen:
                raise InputError(f"{shown}: sample {sample.id} is in another source as well; give each once")
            seen[sample.id] = source
            prompt = dataclasses.replace(sample.prompt, split="")
            if prompts.setdefault(prompt.id, prompt) != prompt:
                raise InputError(f"{shown}: prompt {prompt.id!r} is another than in the first source; suites differ")
            yield sample


def locate_samples(run: Run, home: Path) -> Iterator[Sample]:
    """Yield the samples of a run, each with the path of its video relative to `home`."""
    for sample in run.iter_samples():
        place = _relative(run.find_video(sample.video), home) if sample.video else ""
        yield dataclasses.replace(sample, video=place)


def _of_dataset(folder: Path, home: Path, split: str) -> Iterator[Sample]:
    for row in iter_rows(folder, split, without=("video.bytes", *HEAVY)):
        sample = sample_of(row)
        place = _relative(row["file"], home) if "file" in row else _taken_out(sample.video, sample.video_sha256)
        yield dataclasses.replace(sample, video=place)


def _take_out(folder: Path, split: str, home: Path, chosen: dict[str, Choice]) -> None:
    """Extract the chosen videos from the tables, each checked; existing files are not written again."""
    disk = LocalDisk(home)
    for row in iter_rows(folder, split, without=HEAVY):
        if row["video_sha256"] not in chosen:
            continue
        data = read_row_video(row)
        if "file" not in row:
            name = _taken_out(row["video"]["path"], row["video_sha256"])
            if not disk.exists(name) or sha256_file(disk.path(name)) != row["video_sha256"]:
                disk.write_atomic(name, data)


def _taken_out(video: str, sha256: str) -> str:
    return f"{VIDEOS}/{sha256}{Path(video).suffix or '.mp4'}"


def _relative(path: Path, home: Path) -> str:
    """Return a file's path relative to a folder; links in both are resolved first, so that `..` is correct."""
    return Path(os.path.relpath(path.parent.resolve() / path.name, home)).as_posix()
