"""Runs as the source of a dataset: check that they belong together, and collect their samples and videos."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from dsrbench.dataset.curate import LOSER, WINNER, Candidate, Rules
from dsrbench.dataset.likeness import hash_video
from dsrbench.errors import InputError, RunMismatchError, VideoError
from dsrbench.store import Run, Sample, describe_changes
from dsrbench.types import Prompt, Status
from dsrbench.video import sha256_file

ALIKE = ("detector", "tracker", "counts", "stride")
"""Parts of the manifest in which the runs of a dataset must agree, in addition to the suite."""

Tell = Callable[[str, int, int, str], None]
"""Callback for progress, called with the stage, the count done, the total count and the name of the last video."""


@dataclasses.dataclass(frozen=True)
class Collected:
    """Input of the curation.

    Attributes:
        candidates: Samples with a valid video, in the order of runs and tables.
        prompts: Prompts by id.
        n_samples: Number of samples of all runs.
        dropped: Number of samples that are no candidates, by reason.
    """

    candidates: list[Candidate]
    prompts: dict[str, Prompt]
    n_samples: int
    dropped: Counter[str]


def open_runs(folders: Sequence[str]) -> list[Run]:
    """Open finished runs that can be joined in one dataset.

    Raises:
        StoreError: A folder is no run, or its run has not finished.
        RunMismatchError: The runs are of different suites, or were scored in different ways.
        InputError: There is no run, or one is given twice.
    """
    if not folders:
        raise InputError("expected at least one run folder, got none")
    runs = [Run.open(folder) for folder in folders]
    names = [run.disk.shown for run in runs]
    if len({str(run.folder.resolve()) for run in runs}) < len(runs):
        raise InputError(f"a run folder is given twice: {', '.join(names)}")
    first = runs[0].manifest
    for run in runs[1:]:
        manifest = run.manifest
        if first.suite.sha256 != manifest.suite.sha256:
            suites = " and ".join(f"{each.suite.name} {each.suite.version}".strip() for each in (first, manifest))
            raise RunMismatchError(
                f"{names[0]} and {run.disk.shown} are of different suites ({suites}); build a dataset of each"
            )
        old, new = first.to_json(), manifest.to_json()
        changes = describe_changes({name: old[name] for name in ALIKE}, {name: new[name] for name in ALIKE})
        if changes:
            raise RunMismatchError(
                f"{names[0]} and {run.disk.shown} were scored in different ways ({changes[0]}), so that their scores "
                "do not compare; score both by the same protocol"
            )
    return runs


def collect(runs: Sequence[Run], rules: Rules, notes: Path, *, partial: bool = False, tell: Tell) -> Collected:
    """Collect all samples and hash the videos of possible rows; results are noted in a file.

    Args:
        runs: Runs from `open_runs`.
        rules: Rules that choose the rows.
        notes: File of hashes, from which an interrupted process continues.
        partial: Leave out videos that are missing or were changed, instead of raising an error.
        tell: Callback for progress.

    Raises:
        VideoError: Videos are missing, or are not those that were scored; the message names their number and the first.
        InputError: Two runs have the same sample.
    """
    candidates: list[Candidate] = []
    prompts: dict[str, Prompt] = {}
    dropped: Counter[str] = Counter()
    problems: list[str] = []
    owners: dict[tuple[str, str, int], int] = {}
    total = sum(run.manifest.n_samples for run in runs)
    with _Hashes(notes, likeness=rules.near_duplicates >= 0) as hashes:
        for number, run in enumerate(runs):
            for row, sample in enumerate(run.iter_samples()):
                if owners.setdefault(sample.id, number) != number:
                    both = f"{runs[owners[sample.id]].disk.shown} and {run.disk.shown}"
                    raise InputError(f"sample {sample.id} is in {both}; rename a model with dsrbench eval --model-name")
                prompts.setdefault(sample.prompt.id, sample.prompt)
                tell("hashing", len(owners), max(total, len(owners)), sample.prompt.id)
                reason = _refuse(sample, rules)
                if reason:
                    dropped[reason] += 1
                    continue
                try:
                    candidates.append(hashes.look(number, row, sample, run.find_video(sample.video), rules))
                except VideoError as error:
                    problems.append(str(error))
    if problems and not partial:
        raise VideoError(
            f"{len(problems)} of {len(owners)} videos cannot be used; the first is {problems[0]}. Bring them back and "
            "score the run again, or leave them out with --partial"
        )
    if problems:
        dropped["missing"] = len(problems)
    return Collected(candidates, prompts, len(owners), dropped)


def read_video(path: Path, sha256: str) -> bytes:
    """Read the bytes of a video and check their hash.

    Raises:
        VideoError: The video is missing, or has another hash.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise VideoError(f"{path}: cannot be read ({error.strerror})") from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise VideoError(f"{path}: not the video that was scored; its sha256 is another")
    return data


def _refuse(sample: Sample, rules: Rules) -> str:
    """Return the reason why a sample is no row, without its video; empty if it may be one."""
    if sample.score.status is Status.FAILED or not sample.video_sha256:
        return "failed"
    return "invalid" if sample.score.status is Status.INVALID and not rules.keep_invalid else ""


class _Hashes:
    """Hashes of videos, each appended to a file when it is computed; an incomplete line of the file is ignored."""

    def __init__(self, path: Path, *, likeness: bool) -> None:
        self._path, self._likeness = path, likeness
        self._known: dict[tuple[int, int], list[object]] = {}
        self._file: TextIO | None = None

    def __enter__(self) -> _Hashes:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError):
            for line in self._path.read_text(encoding="utf-8").splitlines():
                with contextlib.suppress(ValueError, TypeError):
                    run, row, *note = json.loads(line)
                    self._known[run, row] = note
        self._file = self._path.open("a", encoding="utf-8")
        self._file.write("\n")  # ends an incomplete last line
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def look(self, run: int, row: int, sample: Sample, path: Path, rules: Rules) -> Candidate:
        """Return the candidate of a sample.

        Raises:
            VideoError: The video is missing, or is not the one that was scored.
        """
        try:
            stat = path.stat()
        except OSError as error:
            raise VideoError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None
        mark = [stat.st_size, stat.st_mtime_ns]
        note = self._known.pop((run, row), [])
        if note[:2] != mark:
            if sha256_file(path) != sample.video_sha256:
                raise VideoError(f"{path}: not the video that was scored; its sha256 is another")
            note = [*mark, hash_video(path).hex() if self._likeness else ""]
            assert self._file is not None
            self._file.write(json.dumps([run, row, *note]) + "\n")
            self._file.flush()
        score = sample.score
        label = (WINNER if score.passes(rules.threshold) else LOSER) if score.status is Status.SCORED else ""
        return Candidate(
            run=run,
            row=row,
            prompt_id=sample.prompt.id,
            type=sample.prompt.type,
            status=score.status,
            score=score.dsr_score,
            diagnosis=score.diagnosis.value if score.diagnosis else "",
            label=label,
            video=sample.video,
            size=stat.st_size,
            sha256=sample.video_sha256,
            likeness=bytes.fromhex(str(note[2])),
            shape=(sample.n_frames, sample.width, sample.height, sample.fps),
        )


def iter_rows_of(run: Run, rows: Sequence[int]) -> Iterator[Sample]:
    """Yield the samples at some rows of a run's table, whose numbers must ascend."""
    numbers = iter(rows)
    place = next(numbers, None)
    for number, sample in enumerate(run.iter_samples()):
        if number == place:
            yield sample
            place = next(numbers, None)
            if place is None:
                return
