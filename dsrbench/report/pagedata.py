"""The data of the web page: a small row for each sample, and a larger detail that is loaded on demand."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from dsrbench.analysis.certainty import certainty_of
from dsrbench.report.explain import focus_claim
from dsrbench.report.words import explain_sample, name_curves
from dsrbench.store import Run, RunManifest, Sample, SampleKey
from dsrbench.types import Floats, FrameCounts, FrameState, Status, VideoTracks


def order_samples(samples: Sequence[Sample]) -> list[Sample]:
    """Return the samples by score, lowest first, then the invalid, then the failed ones; equal ones by sample id."""
    rank = {Status.SCORED: 0, Status.INVALID: 1, Status.FAILED: 2}

    def place(sample: Sample) -> tuple[int, float, SampleKey]:
        score = sample.score
        return rank[score.status], score.dsr_score if score.status is Status.SCORED else 0.0, sample.id

    return sorted(samples, key=place)


def page_rows(samples: Sequence[Sample], urls: Sequence[str], manifest: RunManifest) -> dict[str, Any]:
    """Return the rows of the page, in the order of the samples.

    Args:
        samples: Ordered samples.
        urls: Address of each sample's video, empty where it has none.
        manifest: Manifest of the run, for its frame counts.

    Returns:
        `prompts` (an object each), `models` (names), `columns` (names) and `rows` (a list of values each, in which
        `prompt` and `model` are indices).
    """
    prompts = {sample.prompt.id: sample.prompt for sample in samples}
    prompt_at = {id_: i for i, id_ in enumerate(prompts)}
    model_at = {name: i for i, name in enumerate(sorted({sample.model for sample in samples}))}
    rows = [
        {
            "model": model_at[sample.model],
            "prompt": prompt_at[sample.prompt.id],
            "seed": sample.seed,
            "status": sample.score.status.value,
            "score": round(sample.score.dsr_score, 6),
            "parts": [round(getattr(sample.score, part), 4) for part in ("r_init", "g_init", "r_fin", "g_fin")],
            "diagnosis": sample.score.diagnosis,
            "passes": sample.score.passes(),
            "certainty": _certainty(sample),
            "file": sample.video,
            "url": url,
            "fps": round(sample.fps, 4),
            "frames": sample.n_frames,
            "window": _window(sample, manifest),
        }
        for sample, url in zip(samples, urls, strict=True)
    ]
    return {
        "prompts": [
            {
                "id": prompt.id,
                "text": prompt.text,
                "subject": prompt.subject,
                "object": prompt.object,
                "type": prompt.type,
                "wording": prompt.wording,
                "kind": prompt.kind.value,
            }
            for prompt in prompts.values()
        ],
        "models": list(model_at),
        "columns": list(rows[0]) if rows else [],
        "rows": [list(row.values()) for row in rows],
    }


def sample_detail(run: Run, sample: Sample) -> dict[str, Any]:
    """Return the content of a sample's card: the sentence, both curves, and the boxes of every frame, rounded."""
    says, tracks = explain_sample(sample), run.tracks(sample.id)
    if tracks is not None:
        sample, tracks = focus_claim(sample, tracks)
    score, clause = sample.score, sample.decisive_clause
    return {
        "says": says,
        "names": list(name_curves(clause)),
        "nouns": {"subject": clause.subject, "object": clause.object},
        "windows": not clause.is_static,
        "initial": _rounded(score.ssr_initial),
        "final": _rounded(score.ssr_final),
        "size": [sample.width, sample.height],
        **(_tracks(tracks) if tracks is not None else {"subject": [], "object": [], "filled": [[], []]}),
    }


class Locator:
    """Finds the video of each sample: in the run's `videos/`, or at the path that the run recorded.

    Args:
        run: The run.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._recorded: dict[SampleKey, str] | None = None

    def path(self, sample: Sample) -> Path | None:
        """Return the path of the video, which may have been removed since; None where the sample has none."""
        if not sample.video:
            return None
        inside = self._run.folder / "videos" / sample.video
        if inside.exists():
            return inside
        if self._recorded is None:
            self._recorded = {key: video.path or "" for key, (_, video) in self._run.written_samples().items()}
        path = self._recorded.get(sample.id)
        return Path(path) if path and Path(path).exists() else inside

    def url(self, sample: Sample) -> str:
        """Return the address of the video relative to `report/`, quoted; empty where the sample has none."""
        path = self.path(sample)
        if path is None:
            return ""
        relative = os.path.relpath(path.absolute(), (self._run.folder / "report").absolute())
        return quote(Path(relative).as_posix(), safe="/")


def _certainty(sample: Sample) -> list[float] | None:
    """Return the probability of passing, and the ends of the score's interval; None where they are not known."""
    certainty = certainty_of(sample)
    if certainty is None:
        return None
    return [round(value, 4) for value in (certainty.p_pass, certainty.low, certainty.high)]


def _window(sample: Sample, manifest: RunManifest) -> int:
    """Return the number of scored frames averaged at either end."""
    if manifest.counts is not None:
        return manifest.counts.window
    return (FrameCounts.for_frames(sample.n_frames) if sample.n_frames else FrameCounts.published()).window


def _tracks(tracks: VideoTracks) -> dict[str, Any]:
    detail: dict[str, Any] = {
        name: [None if np.isnan(box[0]) else [round(v, 1) for v in box.tolist()] for box in getattr(tracks, name)]
        for name in ("subject", "object")
    }
    filled = [np.flatnonzero(state == FrameState.FILLED) for state in (tracks.subject_state, tracks.object_state)]
    detail["filled"] = [frames.tolist() for frames in filled]
    if all(tracks.size):
        detail["size"] = list(tracks.size)
    return detail


def _rounded(values: Floats) -> list[float | None]:
    return [None if np.isnan(v) else round(v, 3) for v in values.tolist()]
