"""Fill a board with made-up entries, to measure and picture the application; no model made these videos.

    python benchmark/board/made_up.py FOLDER --entries 200 [--kinds]

Every entry has a record with random figures over all prompts of `dsr-core` and five seeds; the first entries also have
boxes and go through the intake. With --kinds there are two more entries of each suite of another kind: one relation
throughout, depth, motion.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import math
import tempfile
from pathlib import Path

import numpy as np

from dsrbench.analysis import Summary, summarize
from dsrbench.analysis.statistics import Interval
from dsrbench.board import PUBLISHED, RESCORED, Intake, Record, open_stores
from dsrbench.board.records import REDETECTED
from dsrbench.metric import score_many
from dsrbench.prompts import Suite, read_suite
from dsrbench.store import BackendRecord, Sample, SuiteRecord
from dsrbench.submission import Entry, ModelFacts, write_boxes
from dsrbench.submission.boxes import BoxRow
from dsrbench.submission.check import score_rows
from dsrbench.types import Diagnosis, FrameState, Prompt, Status, VideoScore, VideoTracks

SEEDS = (0, 1, 2, 3, 4)
KINDS = ("dsr-static", "dsr-depth", "dsr-motion")
FRAMES, WIDTH, HEIGHT = 17, 320, 180
LICENCES = ("apache-2.0", "mit", "openrail", "")
PLACES = {"L": (50, 90), "R": (270, 90), "T": (160, 30), "U": (160, 150)}
"""Centre of the subject for each relation, in pixels."""


def make_entry(suite: Suite, i: int, *, base: str = "") -> Entry:
    """Return the entry with a number."""
    parameters = (4_000_000, 1_300_000_000, 5_000_000_000, 14_000_000_000, None)[i % 5]
    model = ModelFacts(f"made-up/model-{i:03}", parameters=parameters, license=LICENCES[i % 4], open=i % 3 > 0)
    facts = SuiteRecord(suite.name, suite.version, suite.sha256)
    detector = BackendRecord(("nanodet", "picodet")[i % 5 == 4], "1")
    protocol, stride = (("default", 1), ("fast", 4))[i % 5 == 4]
    return Entry(
        f"made-up-{i:03}",
        model,
        facts,
        SEEDS,
        detector,
        BackendRecord("assignment", "1"),
        base=base,
        protocol=protocol,
        stride=stride,
    )


def make_tracks(prompt: Prompt, skill: float, rng: np.random.Generator) -> VideoTracks:
    """Return noisy boxes that follow the prompt with probability `skill`, and else stay or go the other way."""
    stops = [PLACES[relation.value] for relation in prompt.relations]
    if rng.random() > skill:
        stops = stops[:1] * 2 if rng.random() < 0.6 else stops[::-1]
    steps = np.linspace(0, len(stops) - 1, FRAMES)
    centres = np.stack([np.interp(steps, range(len(stops)), [stop[axis] for stop in stops]) for axis in (0, 1)], axis=1)
    centres += rng.normal(0, 2, centres.shape).clip(-6, 6)
    subject = np.concatenate([centres - 20, centres + 20], axis=1)
    still = np.tile([132.0, 66.0, 188.0, 114.0], (FRAMES, 1))
    states = np.full(FRAMES, FrameState.DETECTED, np.uint8)
    return VideoTracks(subject, still, subject_state=states, object_state=states, size=(WIDTH, HEIGHT), fps=8.0)


def submit_entry(intake: Intake, suite: Suite, i: int, skill: float, *, base: str = "") -> None:
    """Submit an entry with boxes."""
    rng, prompts = np.random.default_rng(i), sorted(suite, key=lambda prompt: prompt.id)
    grid = [(prompt, seed) for prompt in prompts for seed in SEEDS]
    tracks = [make_tracks(prompt, skill, rng) for prompt, _ in grid]
    rows = []
    for (prompt, seed), track, score in zip(grid, tracks, score_many(tracks, [p for p, _ in grid]), strict=True):
        sha256 = hashlib.sha256(f"{i} {prompt.id} {seed}".encode()).hexdigest()
        rows.append(BoxRow(prompt.id, seed, score.status, score.reason, score.dsr_score, sha256, track))
    entry = make_entry(suite, i, base=base)
    entry = dataclasses.replace(entry, claim=summarize(score_rows(rows, suite, entry)).to_json())
    with tempfile.TemporaryDirectory() as name:
        Path(name, "entry.json").write_text(json.dumps(entry.record()))
        write_boxes(Path(name), rows)
        receipt = intake.submit(Path(name), "made-up")
    if not receipt.is_accepted:
        raise SystemExit(f"entry {i} was not accepted: {'; '.join(receipt.problems)}")


def make_record(suite: Suite, i: int) -> Record:
    """Return the record of an entry with random figures, without boxes."""
    rng = np.random.default_rng(i)
    skill = rng.beta(2, 3)
    samples = []
    for prompt in sorted(suite, key=lambda prompt: prompt.id):
        for seed in SEEDS:
            value = float(rng.uniform(0.7, 1)) if rng.random() < skill else float(rng.uniform(0, 0.7))
            diagnosis = Diagnosis.CORRECT if value >= 0.7 else Diagnosis.PARTIAL
            score = VideoScore(Status.SCORED, "", value, 0.0, 0.0, 0.0, 0.0, diagnosis=diagnosis)
            failed = VideoScore(Status.FAILED, "no video")
            samples.append(Sample(f"made-up-{i:03}", prompt, seed, failed if rng.random() < 0.03 else score))
    passed = np.array([sample.score.passes() for sample in samples], bool)
    return Record(
        *(f"made-up-{i:03}", f"{i:064x}", (RESCORED, REDETECTED)[i % 7 == 0], "made-up", "2026-01-01T00:00:00Z"),
        entry=make_entry(suite, i),
        figures=summarize(samples),
        passed=passed,
    )


def fill_board(folder: Path, n_entries: int, *, with_boxes: int = 2, with_kinds: bool = False) -> None:
    """Fill a board in a folder; entry 1 is aligned from entry 0."""
    intake, suite = Intake(*open_stores(folder)), read_suite("dsr-core")
    for i in range(min(with_boxes, n_entries)):
        submit_entry(intake, suite, i, 0.35 if i == 0 else 0.65, base="made-up-000" if i == 1 else "")
    records = [make_record(suite, i) for i in range(with_boxes, n_entries)]
    if with_kinds:
        others = [read_suite(name) for name in KINDS for _ in range(2)]
        records += [make_record(other, n_entries + i) for i, other in enumerate(others)]
    figures = Summary(accuracy={"0.7": Interval(0.5, math.nan, math.nan)})
    entry = Entry("made-up-published", ModelFacts("made-up/published"))
    records.append(Record("made-up-published", "", PUBLISHED, "made-up", "2026-01-01T00:00:00Z", entry, figures))
    files = {f"entries/{record.name}/summary.json": record.to_json() for record in records}
    intake.results.change(lambda _: files, message="made-up entries")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--entries", type=int, default=200)
    parser.add_argument("--kinds", action="store_true", help="two entries of each other kind of suite as well")
    arguments = parser.parse_args()
    fill_board(arguments.folder, arguments.entries, with_kinds=arguments.kinds)
