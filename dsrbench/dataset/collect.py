"""Runs as the source of a dataset: whether they belong together, and what their samples and videos are."""

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
"""Parts of the manifest in which the runs of a dataset must agree, beside the suite."""

Tell = Callable[[str, int, int, str], None]


@dataclasses.dataclass(frozen=True)
class Collected:
    """All that the curation decides on.

    Attributes:
        candidates: Samples whose videos are there, in the order of runs and tables.
        prompts: Every prompt by its id.
        n_samples: Samples of all runs.
        dropped: Samples that are no candidates, by reason.
    """

    candidates: list[Candidate]
    prompts: dict[str, Prompt]
    n_samples: int
    dropped: Counter[str]


def open_runs(folders: Sequence[str]) -> list[Run]:
    """Open finished runs that can make one dataset.

    Raises:
        StoreError: A folder is no run, or its run has not finished.
        RunMismatchError: Runs of different suites, or scored in different ways.
        InputError: No run, or one twice.
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
            said = " and ".join(f"{made.suite.name} {made.suite.version}".strip() for made in (first, manifest))
            raise RunMismatchError(
                f"{names[0]} and {run.disk.shown} are of different suites ({said}); build a dataset of each"
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
    """Look at every sample, and hash the videos of those that may become rows; what was looked at is noted.

    Args:
        runs: By `open_runs`.
        rules: What to take.
        notes: A file of hashes, taken up again where the process was stopped.
        partial: Leave out videos that are not there or were changed, in place of an error.
        tell: Told of progress.

    Raises:
        VideoError: Videos are missing, or not those that were scored; says how many, and which is the first.
        InputError: A sample that two runs have.
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
    """The bytes of a video.

    Raises:
        VideoError: It is not there, or has another hash.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise VideoError(f"{path}: cannot be read ({error.strerror})") from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise VideoError(f"{path}: not the video that was scored; its sha256 is another")
    return data


def _refuse(sample: Sample, rules: Rules) -> str:
    """Why a sample is no row, whatever its video; nothing where it may be one."""
    if sample.score.status is Status.FAILED or not sample.video_sha256:
        return "failed"
    return "invalid" if sample.score.status is Status.INVALID and not rules.keep_invalid else ""


class _Hashes:
    """Hashes of videos, each noted in a file as it is made; a line that was cut off is as if not there."""

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
        self._file.write("\n")  # after a line that was cut off
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def look(self, run: int, row: int, sample: Sample, path: Path, rules: Rules) -> Candidate:
        """The candidate of a sample.

        Raises:
            VideoError: Its video is not there, or not the one that was scored.
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
    """The samples at some places of a run's table, places in rising order."""
    wanted = iter(rows)
    place = next(wanted, None)
    for number, sample in enumerate(run.iter_samples()):
        if number == place:
            yield sample
            place = next(wanted, None)
            if place is None:
                return
