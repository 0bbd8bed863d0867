"""Judgments of the clips of a run, in a file of the run that grows by a line a clip."""

from __future__ import annotations

import dataclasses
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from dsrbench.analysis.judgments import FOLDER, Judgment, parse_judgment
from dsrbench.errors import InputError, VideoError
from dsrbench.judging.frames import read_pictures
from dsrbench.judging.model import Judge
from dsrbench.records import hash_json
from dsrbench.store import Journal, Run, Sample, SampleKey
from dsrbench.store.journal import Row
from dsrbench.types import Status
from dsrbench.video import sha256_file

NO_VIDEO = "without a video"
ABSENT = "whose video is not on this disk"
CHANGED = "whose video has changed since it was scored"
UNREADABLE = "whose video cannot be read"


class Progress(Protocol):
    """Callback with the number of clips done, the number of all, and the clip just finished."""

    def __call__(self, done: int, total: int, sample: SampleKey, /) -> None:
        """Show the progress."""


@dataclasses.dataclass(frozen=True)
class Judged:
    """The outcome of judging a run.

    Attributes:
        path: File with the judgments.
        judgments: All judgments in it, sorted by sample.
        n_new: Number of those made this time.
        skipped: Samples without a judgment, by reason.
    """

    path: Path
    judgments: Sequence[Judgment]
    n_new: int
    skipped: Mapping[str, Sequence[SampleKey]]


def file_name(judge: str) -> str:
    """Return the name of a judge's file in a run, from the name of the judge.

    >>> file_name("tiny vlm@0123456789ab, questions 1, 4 frames, float32")
    'judgments/tiny-vlm-911dc44c.jsonl'
    """
    readable = re.sub(r"[^A-Za-z0-9._]+", "-", judge.partition("@")[0]).strip("-.")[-60:]
    return f"{FOLDER}/{readable}-{hash_json(judge)[:8]}.jsonl"


def judge_run(run: Run, judge: Judge, *, progress: Progress = lambda *_: None) -> Judged:
    """Ask a judge about every clip of a finished run that it has not judged before.

    Each judgment is on the disk before the next clip. A run that is interrupted goes on from there, and its file ends
    with the same bytes: the judgments sorted by sample, those of videos that are no longer the run's left out.

    Args:
        run: The run.
        judge: The judge.
        progress: Callback after every clip.

    Raises:
        StoreError: The run has not finished, another process works on it, or the file cannot be written.
        InputError: No clip can be judged, or the file has something else.
        WeightsError: The model is damaged, or cannot be asked about pictures.
        BackendError: Not even one question fits into memory, or the answers are no numbers.
    """
    samples = run.samples()
    with run.lock():
        name = file_name(judge.name)
        run.disk.fetch(name)
        journal = Journal(run.disk, name)
        rows = _valid_rows(journal, samples, judge.name)
        skipped: defaultdict[str, list[SampleKey]] = defaultdict(list)
        n_new = 0
        for done, sample in enumerate(samples, start=1):
            if sample.id in rows:
                continue
            result = _judge_sample(run, sample, judge)
            if isinstance(result, str):
                skipped[result].append(sample.id)
            else:
                rows[sample.id] = result.row()
                journal.append(rows[sample.id])
                n_new += 1
            progress(done, len(samples), sample.id)
        ordered = [rows[key] for key in sorted(rows)]
        if not ordered:
            raise InputError(f"{run.disk.shown} has no clip to judge: {describe_skipped(skipped)}")
        if journal.rows != ordered:
            journal.rewrite(ordered)
        run.disk.publish(name)
    return Judged(journal.path, [parse_judgment(row) for row in ordered], n_new, dict(skipped))


def describe_skipped(skipped: Mapping[str, Sequence[SampleKey]]) -> str:
    """Return how many samples were skipped, why, and one of each as an example.

    >>> describe_skipped({ABSENT: [SampleKey("wan", "1000_LR", 3)]})
    '1 sample whose video is not on this disk (wan/1000_LR/3)'
    """
    texts = []
    for reason, keys in skipped.items():
        such = "" if len(keys) == 1 else "such as "
        texts.append(f"{len(keys)} sample{'s' * (len(keys) > 1)} {reason} ({such}{keys[0]})")
    return "; ".join(texts) or "it has no samples"


def _valid_rows(journal: Journal, samples: Sequence[Sample], judge: str) -> dict[SampleKey, Row]:
    """Return the rows of a file about the videos that the run has now."""
    videos = {sample.id: sample.video_sha256 for sample in samples}
    rows: dict[SampleKey, Row] = {}
    for row in journal.rows:
        try:
            judgment = parse_judgment(row)
        except InputError as error:
            raise InputError(f"{journal.path}: expected lines of dsrbench judge ({error}); move it away") from None
        if judgment.judge == judge and videos.get(judgment.sample) == judgment.video_sha256:
            rows[judgment.sample] = row
    return rows


def _judge_sample(run: Run, sample: Sample, judge: Judge) -> Judgment | str:
    """Return the judgment of a sample, or the reason why there is none."""
    if not sample.video or sample.score.status is Status.FAILED:
        return NO_VIDEO
    path = run.locate_video(sample)
    if path is None:
        return ABSENT
    try:
        if sha256_file(path) != sample.video_sha256:
            return CHANGED
        pictures = read_pictures(path, sample.n_frames, judge.frames)
    except VideoError:
        return UNREADABLE
    results = [judge.judge(clause, pictures) for clause in sample.prompt.clauses]
    mass = round(float(np.mean([mass for _, mass in results])), 6)
    claims = tuple(answers for answers, _ in results)
    return Judgment(judge.name, *sample.id, sample.video_sha256, claims, mass)
