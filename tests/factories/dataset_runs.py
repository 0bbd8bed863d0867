"""Finished runs to build datasets from: rendered clips, some of them alike, and what the tests ask of a folder."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import shutil

from factories.runs import MANIFEST, Spec, write_run
from factories.samples import write_tables

from dsrbench.store import Run

KINDS = (("LR", "LR"), ("LR", "RL"), ("LT", "LT"), ("LT", "L"), ("TR", "TR"), ("TR", "TL"))
"""What was asked, and what the clip shows: of every prompt one seed obeys and one does not."""


def write_source(folder, *, model="alpha", prompts=3, first=0):
    """A finished run of so many prompts with two seeds each, one a winner, one a loser."""
    specs = []
    for number in range(prompts):
        for seed, (asked, path) in enumerate(KINDS[2 * (number % 3) : 2 * (number % 3) + 2]):
            name = f"{1000 + first + number}_{asked}"
            noun = ("cat", "dog", "duck", "pig")[number % 4]
            specs.append(Spec(model, name, asked, path, seed=seed, subject=noun, object=f"box{number}"))
    return write_run(folder, specs, {**MANIFEST, "n_samples": len(specs), "seeds": [0, 1]})


def copy_videos(source, folder, *, times):
    """A run with every sample of another `times` over, as other seeds; each video has bytes of its own."""
    run, samples = Run(folder), []
    for sample, number in itertools.product(source.samples(), range(times)):
        seed = sample.seed + 2 * number
        data = source.find_video(sample.video).read_bytes() + f"copy {number}".encode() * bool(number)
        name = f"{sample.prompt.id}_seed{seed}.mp4"
        run.place_video(name).write_bytes(data)
        made = dataclasses.replace(
            sample, seed=seed, video=name, video_sha256=hashlib.sha256(data).hexdigest(), text_used=sample.prompt.text
        )
        run.write_tracks(made.id, source.tracks(sample.id), {})
        samples.append(made)
    run.write_manifest(dataclasses.replace(source.manifest, n_samples=len(samples)))
    write_tables(run, samples)
    return run


def files(folder):
    """Every file's bytes, by its path in the folder."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def copy_run(run, folder):
    """A run folder that a test may change."""
    shutil.copytree(run.folder, folder)
    return Run(folder)
