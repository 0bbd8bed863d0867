"""The manifest of a run: the settings that make its figures comparable."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

import dsrbench
from dsrbench.backends.base import Generator
from dsrbench.backends.registry import Backend
from dsrbench.errors import BackendError
from dsrbench.evaluation.planning import Plan
from dsrbench.evaluation.scorer import Scorer
from dsrbench.requirements import installed_versions
from dsrbench.store import RunManifest, SuiteRecord

PACKAGES = (
    "numpy",
    "av",
    "pillow",
    "pyarrow",
    "ncnn",
    "onnxruntime",
    "torch",
    "diffusers",
    "peft",
    "transformers",
    "opencv-python-headless",
    "ultralytics",
    "trackers",
)
"""Packages whose versions can touch a figure."""


def build_manifest(plan: Plan, scorer: Scorer, generator: Backend[Generator] | None = None) -> RunManifest:
    """Build the manifest of a run of `plan` by `scorer`, and by `generator` where it makes the videos."""
    suite = plan.suite
    return RunManifest(
        dsrbench=dsrbench.__version__,
        commit=source_commit(),
        suite=SuiteRecord(suite.name, suite.version, suite.sha256, len(suite.prompts)),
        models=tuple(plan.models),
        seeds=tuple(sorted({job.key.seed for job in plan.jobs})),
        n_samples=len(plan.jobs),
        generator=generator.record() if generator is not None else None,
        protocol=scorer.protocol,
        detector=scorer.detector.record(),
        tracker=scorer.tracker.record(),
        second_detector=scorer.second.record() if scorer.second is not None else None,
        depth=scorer.depth.record() if scorer.depth is not None else None,
        nouns=read_nouns(plan, scorer)[0],
        stride=scorer.stride,
        counts=scorer.counts,
        packages=installed_versions(PACKAGES),
        python=platform.python_version(),
        threads=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
    )


def read_nouns(plan: Plan, scorer: Scorer) -> tuple[dict[str, str], dict[str, str]]:
    """Find out how the detector understands the nouns of a plan.

    Returns:
        Nouns it reads as something else, with what; and prompt ids it cannot score, with why.
    """
    liberties: dict[str, str] = {}
    unknown: dict[str, str] = {}
    for prompt in {job.prompt.id: job.prompt for job in plan.jobs}.values():
        try:
            liberties.update(scorer.check_prompt(prompt))
        except BackendError as error:
            unknown[prompt.id] = str(error)
    return dict(sorted(liberties.items())), unknown


def source_commit() -> str | None:
    """Return the commit of the checkout that this package runs from, marked `-dirty` if changed; None if installed."""
    root = Path(dsrbench.__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    try:
        commit = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return commit.stdout.strip() or None
