"""Entries of a small suite, with boxes that were never detected but give true scores."""

from __future__ import annotations

import dataclasses
import hashlib
import json

import numpy as np
from factories.runs import Spec, true_tracks
from factories.samples import write_tables

from dsrbench.analysis import summarize
from dsrbench.metric import score_many
from dsrbench.prompts import read_suite
from dsrbench.store import BackendRecord, Run, RunManifest, Sample, SuiteRecord
from dsrbench.submission import Entry, ModelFacts, write_boxes
from dsrbench.submission.boxes import BoxRow
from dsrbench.submission.check import score_rows
from dsrbench.types import Status, VideoScore

SUITE = "dsr-core-mini"
SEEDS = (0, 1, 2, 3, 4)
BACKEND = {"version": "1", "options": {"threads": 1}, "fingerprint": {"weights": {"a.bin": "7" * 64}}}
MODEL = ModelFacts("lab/model", parameters=1_300_000_000, license="apache-2.0", url="https://example.org/model")


def make_rows(*, share=0.5, luck=0, suite=SUITE, seeds=SEEDS, frames=17):
    """Rows whose boxes follow the prompt for a share of the samples, and stay where they began for the others."""
    rng, prompts = np.random.default_rng(luck), sorted(read_suite(suite), key=lambda p: p.id)
    asked = [(prompt, seed, bool(rng.random() < share)) for prompt in prompts for seed in seeds]
    specs = [Spec("m", p.id, p.type, p.type if good else p.type[0], seed) for p, seed, good in asked]
    tracks = [true_tracks(spec, frames=frames) for spec in specs]
    rows = []
    for spec, track, score in zip(specs, tracks, score_many(tracks, [a[0] for a in asked]), strict=True):
        sha256 = hashlib.sha256(f"{spec} {luck} {share}".encode()).hexdigest()
        rows.append(BoxRow(spec.prompt_id, spec.seed, score.status, score.reason, score.dsr_score, sha256, track))
    return rows


def write_entry(folder, *, name="wan", rows=None, change=None, entry=None, **of_rows):
    """Write an entry into a folder; `change` may alter the object of its `entry.json`, claim and all."""
    suite_name, seeds = of_rows.get("suite", SUITE), of_rows.get("seeds", SEEDS)
    suite, rows = read_suite(suite_name), make_rows(**of_rows) if rows is None else rows
    backends = {"detector": BackendRecord("nanodet", **BACKEND), "tracker": BackendRecord("assignment", **BACKEND)}
    facts = SuiteRecord(suite.name, suite.version, suite.sha256)
    made = Entry(name, MODEL, facts, tuple(seeds), generator=None, claim={}, **backends)
    made = dataclasses.replace(made, **(entry or {}))
    row = {**made.record(), "claim": summarize(score_rows(rows, suite, made)).to_json()}
    row = change(row) or row if change else row
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "entry.json").write_text(json.dumps(row))
    write_boxes(folder, rows)
    return folder


def failed(row):
    """The row of a sample that failed instead."""
    return dataclasses.replace(row, status=Status.FAILED, reason="no video", score=float("nan"), tracks=None)


MANIFEST = {
    "protocol": "default",
    "counts": "scaled",
    "stride": 1,
    "detector": {"name": "nanodet", **BACKEND},
    "tracker": {"name": "assignment", **BACKEND},
    "generator": {
        "name": "diffusers",
        **BACKEND,
        "options": {"model": "lab/model", "adapter": "/home/someone/runs/adapter"},
    },
}


def write_whole_run(folder, *, rows=None, model="m", manifest=None, suite=SUITE):
    """A finished run of a suite, of the same samples as an entry of these rows; without videos."""
    run, prompts = Run(folder), read_suite(suite)
    facts = {"name": prompts.name, "version": prompts.version, "sha256": prompts.sha256, "n_prompts": len(prompts)}
    values = {**MANIFEST, "suite": facts, "models": [model], **(manifest or {})}
    run.write_manifest(RunManifest.from_json(values))
    samples, rows = [], make_rows(suite=suite) if rows is None else rows
    for row in rows:
        score, size = VideoScore(row.status, row.reason), {}
        if row.tracks is not None:
            score = score_many([row.tracks], [prompts.get(row.prompt_id)])[0]
            size = {"n_frames": len(row.tracks), "fps": row.tracks.fps, "width": 320, "height": 180}
        sample = Sample(model, prompts.get(row.prompt_id), row.seed, score, video_sha256=row.video_sha256, **size)
        if row.tracks is not None:
            run.write_tracks(sample.id, row.tracks, {})
        samples.append(dataclasses.replace(sample, text_used=row.text_used or sample.prompt.text))
    write_tables(run, samples)
    return run
