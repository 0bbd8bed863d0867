"""A page that explains the score of one video."""

from __future__ import annotations

import dataclasses
import html
import importlib.resources
import itertools
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dsrbench.analysis.alternatives import Alternative, alternative_tracks, find_alternative
from dsrbench.analysis.certainty import is_uncertain
from dsrbench.errors import DSRBenchError
from dsrbench.report.chart import curves_svg
from dsrbench.report.depth_maps import depth_section, encode_jpeg
from dsrbench.report.overlay import draw_boxes
from dsrbench.report.words import (
    PARTS,
    TITLES,
    describe_clause,
    describe_prompt,
    explain_alternative,
    explain_certainty,
    explain_sample,
    lost_points,
    name_curves,
)
from dsrbench.store import LocalDisk, Sample
from dsrbench.types import FrameCounts, Status, VideoScore, VideoTracks

OVERLAY = "overlay.mp4"
"""Name of the video with boxes that the page links to; `write_overlay` writes it."""

PAGE = "explanation.html"
"""Name of the page."""

MAX_KEY_FRAMES = 6
"""Maximum number of key frames on the page."""

_MIN_SSR = 0.5
"""Minimum SSR score in [-1, 1] at which a frame counts as showing a relation."""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_STYLE = """
main { max-width: 820px; padding-top: 32px; }
.shots { display: grid; grid-template-columns: repeat(auto-fill, minmax(220px, 1fr)); gap: 12px; }
figure { margin: 0; } figure img { width: 100%; border-radius: 6px; display: block; } figcaption { font-size: 13px; }
section { margin: 24px 0; } .chart { height: auto; cursor: default; } .chart .playhead { stroke-dasharray: none; }
.panel { padding: 0; } td:last-child, th:last-child { text-align: left; white-space: normal; min-width: 13em; }
"""


def write_explanation(
    folder: Path,
    *,
    video: Path,
    sample: Sample,
    tracks: VideoTracks,
    counts: FrameCounts | None = None,
    depth_maps: Sequence[NDArray[np.float32]] = (),
    sections: Sequence[str] = (),
) -> Path:
    """Write a self-contained page: the prompt, the diagnosis, the losses by part, SSR curves and key frames.

    Args:
        folder: Folder of `explanation.html`; the page links to an `overlay.mp4` in it.
        video: Video of the key frames; a notice takes their place where it cannot be read.
        sample: Sample with prompt and score.
        tracks: Boxes of every frame.
        counts: Frame counts of the score; None for those of the video's length.
        depth_maps: Depth map `[h, w]` of every frame, of which those of the key frames are shown; empty for none.
        sections: Further parts of the page as HTML, such as the answers of people.

    Returns:
        Path of the page.

    Raises:
        StoreError: The page cannot be written.
    """
    window = (counts or FrameCounts.for_frames(len(tracks))).window
    whole, (sample, tracks) = sample, focus_claim(sample, tracks)
    frames = key_frames(sample.score, len(tracks))
    score = sample.score
    chart = curves_svg(
        score.ssr_initial, score.ssr_final, window=window, marks=frames, has_windows=not _is_static(sample)
    )
    alternative = _find_alternative(sample, tracks, counts)
    others = alternative_tracks(tracks, alternative) if alternative is not None else None
    body = [
        _verdict(whole, _explain_certainty(sample, alternative)),
        *sections,
        _claims(whole),
        _losses(score),
        _curves(sample, chart, window),
        _shots(video, sample, tracks, frames, others),
        depth_section(sample, tracks, {t: depth_maps[t] for t in frames if t < len(depth_maps)}),
    ]
    if (folder / OVERLAY).exists():
        body.append(f'<p><a href="{OVERLAY}">Watch the video with its boxes</a></p>')
    page = render_page(f"{video.name} · DSR-Score explained", "".join(body))
    LocalDisk(folder).write_atomic(PAGE, page.encode())
    return folder / PAGE


def render_page(title: str, body: str) -> str:
    """Return a page that needs nothing from elsewhere, from its title as text and its body as HTML."""
    style = (importlib.resources.files("dsrbench.report") / "assets" / "report.css").read_text("utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f'<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<title>{html.escape(title)}</title><style>{style}{_STYLE}</style></head>"
        f"<body><main>{body}</main></body></html>\n"
    )


def explain_decision(sample: Sample, tracks: VideoTracks, counts: FrameCounts | None = None) -> str:
    """Return sentences about the certainty of a decision and, where it is doubtful, what else the video could show.

    Args:
        sample: Sample with prompt and score.
        tracks: Tracks of its video, with the draws that the certainty was measured from.
        counts: Frame counts of the score; None for those of the video's length.

    Returns:
        One to three sentences; empty where the certainty is not known.
    """
    sample, tracks = focus_claim(sample, tracks)
    return _explain_certainty(sample, _find_alternative(sample, tracks, counts))


def focus_claim(sample: Sample, tracks: VideoTracks) -> tuple[Sample, VideoTracks]:
    """Return a sample with the claim that decides its score alone, and the tracks of that claim.

    The score stays that of the sample. A sample of one claim, and tracks without further ones, are returned as they
    are.
    """
    prompt, score = sample.prompt, sample.score
    alone = dataclasses.replace(
        sample, prompt=prompt.alone(sample.decisive_clause), score=dataclasses.replace(score, clauses=())
    )
    parts = (tracks, *tracks.further)
    part = parts[score.decisive_claim] if score.decisive_claim < len(parts) else tracks
    return alone if prompt.further else sample, dataclasses.replace(part, further=())


def _is_static(sample: Sample) -> bool:
    return sample.prompt.clauses[0].is_static


def _find_alternative(sample: Sample, tracks: VideoTracks, counts: FrameCounts | None) -> Alternative | None:
    return find_alternative(tracks, sample.prompt, sample.score, counts=counts) if is_uncertain(sample) else None


def _explain_certainty(sample: Sample, alternative: Alternative | None) -> str:
    sentences = explain_certainty(sample)
    return f"{sentences} {explain_alternative(alternative, sample.prompt)}" if is_uncertain(sample) else sentences


def key_frames(score: VideoScore, n_frames: int, *, n: int = MAX_KEY_FRAMES) -> list[int]:
    """Return the indices of key frames: first, last, the end of the initial relation, the start of the final one.

    Args:
        score: Score with its SSR sequences.
        n_frames: Number of frames in the video.
        n: Maximum number of key frames; further ones are put into the widest gaps.

    Returns:
        Sorted frame indices, without repeats.

    >>> key_frames(VideoScore.failed("no tracks"), 5, n=3)
    [0, 2, 4]
    """
    if n_frames <= 0:
        return []
    selected = {0, n_frames - 1}
    for values, reached in ((score.ssr_initial, False), (score.ssr_final, True)):
        shows = np.nan_to_num(values[:n_frames], nan=-1.0 if reached else 1.0) >= _MIN_SSR
        turns = np.flatnonzero(shows if reached else ~shows)
        if len(turns):
            selected.add(int(turns[0]))
    while len(selected) < min(n, n_frames):
        frames = sorted(selected)
        gap, left = max((b - a, -a) for a, b in itertools.pairwise(frames))
        if gap < 2:
            break
        selected.add(-left + gap // 2)
    return sorted(selected)


def _verdict(sample: Sample, certainty: str) -> str:
    score, e = sample.score, html.escape
    title = TITLES[score.diagnosis] if score.diagnosis else "No score"
    figure = f"{score.dsr_score:.3f}" if score.status is Status.SCORED else "–"
    badge = ("pass", "passes 0.7") if score.passes() else ("fail", "does not pass 0.7")
    if score.status is not Status.SCORED:
        badge = ("none", score.status.value)
    says = f'<p class="says">{e(certainty)}</p>' if certainty else ""
    unsure = '<span class="badge unsure">uncertain</span>' if is_uncertain(sample) else ""
    return (
        f'<p class="kicker">DSR-Score explained</p><h1>{e(title)}</h1>'
        f'<p class="verdict"><span class="score">{figure}</span>'
        f'<span class="badge {badge[0]}">{badge[1]}</span>{unsure}</p><p class="says">{e(explain_sample(sample))}</p>'
        f'{says}<dl class="facts"><dt>Prompt</dt><dd>{e(sample.prompt.text)}</dd>'
        f"<dt>Asked</dt><dd>{e(describe_prompt(sample.prompt))}</dd>"
        f"<dt>Video</dt><dd>{e(os.path.basename(sample.video))}, {sample.n_frames} frames, {score.n_scored} scored, "
        f"{sample.n_filled} with an interpolated box</dd></dl>"
    )


def _losses(score: VideoScore) -> str:
    rows = "".join(
        f'<tr><th scope="row">{PARTS[part][0]}</th><td>{_signed(getattr(score, part))}</td>'
        f"<td>{lost:.3f}</td><td>{PARTS[part][1]}</td></tr>"
        for part, lost in lost_points(score)
    )
    if not rows:
        return ""
    return (
        '<section><div class="panel"><table><caption>Where the points went</caption><thead><tr>'
        '<th scope="col">Part</th>'
        '<th scope="col">Value (−1 to 1)</th><th scope="col">Points lost</th><th scope="col">What it measures</th></tr>'
        f"</thead><tbody>{rows}</tbody></table></div></section>"
    )


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _curves(sample: Sample, chart: str, window: int) -> str:
    if not chart:
        return ""
    shaded = "scored frame" if window == 1 else f"{window} scored frames averaged"
    clause = sample.prompt.clauses[0]
    names = "".join(
        f'<span><i class="swatch line {kind}"></i>{name}</span>'
        for kind, name in zip(("initial", "final"), name_curves(clause), strict=False)
    )
    note = (
        "lines: the frames below"
        if _is_static(sample)
        else f"shaded: the {shaded} at either end; lines: the frames below"
    )
    return f'<section><h2>Frame by frame</h2><p class="curve-names">{names}<span>{note}</span></p>{chart}</section>'


def _claims(sample: Sample) -> str:
    """Return a table of all claims with their scores; empty where there is one."""
    if not sample.score.clauses:
        return ""
    rows = "".join(
        f'<tr><th scope="row">the {html.escape(describe_clause(clause))}</th>'
        f"<td>{'–' if score.diagnosis is None else f'{score.dsr_score:.3f}'}</td>"
        f"<td>{html.escape(TITLES[score.diagnosis] if score.diagnosis else score.reason)}</td></tr>"
        for clause, score in zip(sample.prompt.clauses, sample.score.clauses, strict=True)
    )
    return (
        '<section><div class="panel"><table><caption>The claims; the least score counts</caption><thead><tr>'
        '<th scope="col">Claim</th><th scope="col">Score</th><th scope="col">Diagnosis</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div></section>"
    )


def _shots(
    video: Path, sample: Sample, tracks: VideoTracks, frames: list[int], others: VideoTracks | None = None
) -> str:
    try:
        pictures = _read_frames(video, tracks, frames, (sample.prompt.subject, sample.prompt.object), others)
    except DSRBenchError as error:
        return f'<p class="notice">The frames cannot be shown: {html.escape(str(error))}</p>'
    nouns = html.escape(" and ".join(sample.prompt.nouns))
    figures = "".join(
        f'<figure><img alt="Frame {i + 1} with the boxes of {nouns}" '
        f'src="data:image/jpeg;base64,{encode_jpeg(picture)}">'
        f'<figcaption class="quiet">frame {i + 1}</figcaption></figure>'
        for i, picture in pictures.items()
    )
    note = '<p class="quiet">Dashed: other probable boxes, where they are elsewhere.</p>'
    return f'<section><h2>Key frames</h2>{note * (others is not None)}<div class="shots">{figures}</div></section>'


def _read_frames(
    video: Path, tracks: VideoTracks, frames: list[int], labels: tuple[str, str], others: VideoTracks | None
) -> dict[int, NDArray[np.uint8]]:
    from dsrbench.video import iter_chunks

    pictures, start = {}, 0
    for chunk in iter_chunks(video):
        for i in frames:
            if start <= i < start + len(chunk):
                frame = chunk[i - start : i - start + 1]
                pictures[i] = draw_boxes(frame, tracks, labels=labels, start=i, others=others)[0]
        start += len(chunk)
    return pictures
