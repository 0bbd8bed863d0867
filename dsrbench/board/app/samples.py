"""One video of an entry: its boxes frame by frame, its SSR curves, its score in parts, and what happened."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from html import escape

import numpy as np

from dsrbench.board.app.columns import share
from dsrbench.board.entries import OpenEntry
from dsrbench.records import to_json
from dsrbench.report.chart import curves_svg
from dsrbench.report.words import PARTS, TITLES, asked, explain_sample
from dsrbench.store import Sample
from dsrbench.submission import find_repeated_videos
from dsrbench.submission.boxes import FILE as BOXES
from dsrbench.submission.boxes import BoxRow
from dsrbench.submission.entry import FILE as ENTRY
from dsrbench.types import FrameCounts, Status

ANY = "any outcome"

OUTCOMES = {
    **{diagnosis.value: title for diagnosis, title in TITLES.items()},
    "invalid": "Not scored",
    "failed": "Failed",
}
"""What a sample can come to, in words."""


def outcome(sample: Sample) -> str:
    """A key of `OUTCOMES`."""
    score = sample.score
    return score.diagnosis.value if score.diagnosis is not None else score.status.value


def sample_key(sample: Sample) -> str:
    """A sample in links: prompt id and seed."""
    return f"{sample.prompt.id}/{sample.seed}"


def list_samples(opened: OpenEntry, wanted: str) -> list[tuple[str, str]]:
    """Label and key of every sample of an outcome, worst first, those without a score before them."""
    chosen = [sample for sample in opened.samples if wanted in ("", ANY, outcome(sample))]
    chosen.sort(key=lambda sample: (not math.isnan(sample.score.dsr_score), np.nan_to_num(sample.score.dsr_score)))
    return [(_label(sample), sample_key(sample)) for sample in chosen]


def _label(sample: Sample) -> str:
    score = "–" if math.isnan(sample.score.dsr_score) else f"{sample.score.dsr_score:.3f}"
    return f"{score} · {OUTCOMES[outcome(sample)]} · {sample.prompt.id} · seed {sample.seed}"


def find_sample(opened: OpenEntry, key: str) -> int | None:
    """Index of a sample by its key; with an empty seed the first of its prompt; None where there is none."""
    for i, sample in enumerate(opened.samples):
        if key == sample_key(sample) or key == f"{sample.prompt.id}/":
            return i
    return None


def outcomes_html(opened: OpenEntry) -> str:
    """How many samples of an entry came to what."""
    total = len(opened.samples)
    found = [outcome(sample) for sample in opened.samples]
    rows = "".join(
        f'<li><span>{escape(title)}</span><svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{100 * found.count(name) / total:.1f}" height="8"/></svg>'
        f"<span>{found.count(name)} <small>{share(found.count(name) / total)} %</small></span></li>"
        for name, title in OUTCOMES.items()
    )
    repeated = "".join(f"<li>{escape(line)}</li>" for line in find_repeated_videos(opened.samples))
    return (
        f'<div class="dsr"><h2>What the {total} videos came to</h2><ul class="outcomes">{rows}</ul>'
        f"{f'<h2>The same video twice</h2><ul>{repeated}</ul>' * bool(repeated)}</div>"
    )


def files_html(name: str) -> str:
    """An entry's files, and how to compute its figures from them."""
    links = " · ".join(f'<a href="entries/{escape(name)}/{file}" download>{file}</a>' for file in (ENTRY, BOXES))
    return (
        f'<div class="dsr"><p>The files of {escape(name)}: {links}. Put both in a folder and run '
        "<code>dsrbench rescore FOLDER</code>: it computes every score and figure again from the boxes.</p></div>"
    )


def sample_html(opened: OpenEntry, index: int, video_of: Callable[[str], str]) -> str:
    """A sample as HTML.

    Args:
        opened: Its entry.
        index: Index of the sample.
        video_of: The address of the video of a sha256; empty where there is none.
    """
    sample, row = opened.samples[index], opened.rows[index]
    prompt = sample.prompt
    used = f'<p class="quiet">The model was given: {escape(sample.text_used)}</p>' if sample.text_used else ""
    size = f", {sample.n_frames} frames of {sample.width} × {sample.height}" if sample.n_frames else ""
    facts = f"{prompt.id}, seed {sample.seed}{size}"
    return (
        f'<article class="dsr sample"><h3>{escape(prompt.text)}</h3>{used}'
        f'<p class="quiet">{escape(facts)}. Asked for: the {escape(prompt.subject)} {escape(asked(prompt))}.</p>'
        f"<p><b>{escape(explain_sample(sample))}</b></p>{_parts(sample)}"
        f'<div class="clip">{_boxes(row, video_of(sample.video_sha256), (prompt.subject, prompt.object))}'
        f"{_curves(sample, opened.entry.counts)}</div></article>"
    )


def _curves(sample: Sample, counts: FrameCounts | None) -> str:
    counts = counts or FrameCounts.for_frames(max(sample.n_frames, 1))
    initial, final = (sample.prompt.relations[i].value for i in (0, -1))
    curves = curves_svg(sample.score.ssr_initial, sample.score.ssr_final, window=counts.window)
    if not curves:
        return "<p>No frame is scored.</p>"
    return (
        f'<figure>{curves}<figcaption>SSR scores: <span class="initial">initial relation ({escape(initial)})</span>, '
        f'<span class="final">final relation ({escape(final)})</span>. Shaded: the frames averaged at either end.'
        "</figcaption></figure>"
    )


def _parts(sample: Sample) -> str:
    score = sample.score
    if score.status is not Status.SCORED:
        return ""
    cells = "".join(
        f'<div title="{escape(says)}"><dt>{escape(title)}</dt><dd>{getattr(score, name):+.3f}</dd></div>'
        for name, (title, says) in PARTS.items()
    )
    return f'<dl class="parts"><div><dt>DSR-Score</dt><dd><b>{score.dsr_score:.3f}</b></dd></div>{cells}</dl>'


def _boxes(row: BoxRow, video: str, names: Sequence[str]) -> str:
    """The boxes over the frames, moved by a slider; without a script the middle frame is shown."""
    tracks = row.tracks
    if tracks is None:
        return "<p>There are no boxes to draw.</p>"
    width, height = tracks.size
    clip = {"subject": tracks.subject.round(1), "object": tracks.object.round(1), "fps": tracks.fps}
    boxes = "".join(
        _rect(kind, boxes[len(tracks) // 2]) for kind, boxes in (("object", tracks.object), ("subject", tracks.subject))
    )
    film = f'<video src="{escape(video)}" muted playsinline preload="auto"></video>' if video else ""
    subject, object = (escape(name) for name in names)
    return (
        f'<dsr-clip data-boxes="{escape(json.dumps(to_json(clip)))}"><figure>'
        f'<div class="stage" style="aspect-ratio:{width}/{height}">{film}'
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="Boxes of the {subject} and the {object}">'
        f"{boxes}</svg></div>"
        f'<figcaption><span class="subject">{subject}</span> <span class="object">{object}</span></figcaption>'
        "</figure></dsr-clip>"
    )


def _rect(kind: str, box: np.ndarray) -> str:
    if np.isnan(box[0]):
        return f'<rect class="{kind}" visibility="hidden"/>'
    x0, y0, x1, y1 = box
    return f'<rect class="{kind}" x="{x0:.1f}" y="{y0:.1f}" width="{x1 - x0:.1f}" height="{y1 - y0:.1f}"/>'
