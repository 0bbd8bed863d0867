"""The samples tab: one video of an entry with its boxes, SSR curves, DSR-Score in parts, and diagnosis."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from functools import partial
from html import escape
from typing import Any

import numpy as np

from dsrbench.board.app.filters import Values, pick
from dsrbench.board.app.fragments import notice_html, problems_html, share
from dsrbench.board.app.layout import Page, Updates, html, update_menu
from dsrbench.board.entries import OpenEntry
from dsrbench.errors import DSRBenchError
from dsrbench.records import to_json
from dsrbench.report.chart import curves_svg
from dsrbench.report.explain import focus_claim
from dsrbench.report.words import PARTS, TITLES, describe_prompt, explain_certainty, explain_sample, name_curves
from dsrbench.store import Sample
from dsrbench.submission import find_repeated_videos
from dsrbench.submission.boxes import FILE as BOXES
from dsrbench.submission.entry import FILE as ENTRY
from dsrbench.types import FrameCounts, Status, VideoTracks

ANY = "any outcome"
"""Choice of the menu of outcomes that filters nothing."""

OUTCOMES = {
    **{diagnosis.value: title for diagnosis, title in TITLES.items()},
    "invalid": "Not scored",
    "failed": "Failed",
}
"""Titles of the outcomes of a sample: diagnoses, and the statuses without one."""

_NO_ENTRY = '<div class="dsr"><p>There is no entry with boxes yet.</p></div>'

_NO_SAMPLE = '<div class="dsr"><p>No sample of this entry came to that.</p></div>'


class SamplesPage(Page):
    """Tab with the videos of an entry, one at a time."""

    id = "samples"
    title = "Samples"

    def _build(self) -> None:
        import gradio as gr

        with gr.Row():
            self.controls["entry"] = gr.Dropdown([], value=None, label="Entry")
            self.controls["outcome"] = gr.Dropdown(
                [ANY, *((title, id) for id, title in OUTCOMES.items())], value=ANY, label="Outcome"
            )
            self.controls["sample"] = gr.Dropdown([], value=None, label="Sample, worst first", min_width=320)
        with gr.Row():
            self._steps = {
                gr.Button("Previous sample", size="sm", min_width=120): -1,
                gr.Button("Next sample", size="sm", min_width=120): 1,
            }
        self._sample, self._outcomes = html("sample"), html("outcomes")
        self.contents += [self._sample, self._outcomes]

    def connect(self, link: Any, tabs: Sequence[str]) -> None:
        """Connect the buttons beside what every tab connects."""
        super().connect(link, tabs)
        for button, step in self._steps.items():
            self.on([button.click], partial(self.show, step=step), link)

    def show(self, values: Values, *, step: int = 0) -> Updates:
        """Return the updates of the menus, and the sample that is `step` samples after the selected one."""
        view = self.site.board.view()
        names, notice = view.names(with_boxes=True), notice_html(view)
        entry = pick(values.get("entry"), names, names[0] if names else "")
        if not entry:
            return {self._sample: notice + _NO_ENTRY}
        updates: Updates = {self.controls["entry"]: update_menu(names, entry)}
        try:
            opened = self.site.board.open(entry)
        except DSRBenchError as error:
            problem = problems_html([str(error)], head="Its samples cannot be shown")
            return {**updates, self._sample: notice + problem, self._outcomes: ""}
        selected = pick(values.get("outcome"), [*OUTCOMES], ANY)
        samples = list_samples(opened, selected)
        key = _step(opened, [key for _, key in samples], str(values.get("sample") or ""), step)
        index = find_sample(opened, key)
        sample = sample_html(opened, index, self.site.video_address) if index is not None else _NO_SAMPLE
        return {
            **updates,
            self.controls["outcome"]: selected,
            self.controls["sample"]: update_menu(samples, key or None),
            self._sample: notice + sample,
            self._outcomes: outcomes_html(opened) + files_html(entry),
        }


def _step(opened: OpenEntry, keys: Sequence[str], key: str, step: int) -> str:
    """Return the key `step` places after another one, around the end; the first where that is not among the keys."""
    index = find_sample(opened, key)
    key = sample_key(opened.samples[index]) if index is not None else ""
    place = (keys.index(key) + step) % len(keys) if key in keys else 0
    return keys[place] if keys else ""


def outcome(sample: Sample) -> str:
    """Return the outcome of a sample, a key of `OUTCOMES`."""
    score = sample.score
    return score.diagnosis.value if score.diagnosis is not None else score.status.value


def sample_key(sample: Sample) -> str:
    """Return the name of a sample in links: prompt id and seed."""
    return f"{sample.prompt.id}/{sample.seed}"


def list_samples(opened: OpenEntry, selected: str) -> list[tuple[str, str]]:
    """Return label and key of the samples with an outcome, by DSR-Score from low to high; those without one first."""
    samples = [sample for sample in opened.samples if selected in ("", ANY, outcome(sample))]
    samples.sort(key=lambda sample: (not math.isnan(sample.score.dsr_score), np.nan_to_num(sample.score.dsr_score)))
    return [(_label(sample), sample_key(sample)) for sample in samples]


def _label(sample: Sample) -> str:
    score = "–" if math.isnan(sample.score.dsr_score) else f"{sample.score.dsr_score:.3f}"
    return f"{score} · {OUTCOMES[outcome(sample)]} · {sample.prompt.id} · seed {sample.seed}"


def find_sample(opened: OpenEntry, key: str) -> int | None:
    """Return the index of a sample by its key, of a prompt's first where the seed is empty; None where none has it."""
    for i, sample in enumerate(opened.samples):
        if key == sample_key(sample) or key == f"{sample.prompt.id}/":
            return i
    return None


def outcomes_html(opened: OpenEntry) -> str:
    """Return the number of samples by outcome, and the videos that occur twice."""
    total = len(opened.samples)
    outcomes = [outcome(sample) for sample in opened.samples]
    rows = "".join(
        f'<li><span>{escape(title)}</span><svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{100 * outcomes.count(name) / total:.1f}" height="8"/></svg>'
        f"<span>{outcomes.count(name)} <small>{share(outcomes.count(name) / total)} %</small></span></li>"
        for name, title in OUTCOMES.items()
    )
    repeated = "".join(f"<li>{escape(line)}</li>" for line in find_repeated_videos(opened.samples))
    return (
        f'<div class="dsr"><h2>What the {total} videos came to</h2><ul class="outcomes">{rows}</ul>'
        f"{f'<h2>The same video twice</h2><ul>{repeated}</ul>' * bool(repeated)}</div>"
    )


def files_html(name: str) -> str:
    """Return links to an entry's files, and the command that computes its figures from them."""
    links = " · ".join(f'<a href="entries/{escape(name)}/{file}" download>{file}</a>' for file in (ENTRY, BOXES))
    return (
        f'<div class="dsr"><p>The files of {escape(name)}: {links}. Put both in a folder and run '
        "<code>dsrbench rescore FOLDER</code>: it computes every score and figure again from the boxes.</p></div>"
    )


def sample_html(opened: OpenEntry, index: int, video_of: Callable[[str], str]) -> str:
    """Return one sample.

    Args:
        opened: Entry of the sample.
        index: Index of the sample.
        video_of: Function from a video's sha256 to its address; empty where it has none.
    """
    sample, tracks = opened.samples[index], opened.rows[index].tracks
    prompt = sample.prompt
    focused, tracks = (sample, None) if tracks is None else focus_claim(sample, tracks)
    used = f'<p class="quiet">The model was given: {escape(sample.text_used)}</p>' if sample.text_used else ""
    size = f", {sample.n_frames} frames of {sample.width} × {sample.height}" if sample.n_frames else ""
    facts = f"{prompt.id}, seed {sample.seed}{size}"
    request = describe_prompt(prompt)
    return (
        f'<article class="dsr sample"><h3>{escape(prompt.text)}</h3>{used}'
        f'<p class="quiet">{escape(facts)}. Asked for: {escape(request)}.</p>'
        f"<p><b>{escape(explain_sample(sample))}</b></p>{_certainty(sample)}{_parts(sample)}"
        f'<div class="clip">{_boxes(tracks, video_of(sample.video_sha256), focused.prompt.nouns)}'
        f"{_curves(focused, opened.entry.counts)}</div></article>"
    )


def _curves(sample: Sample, counts: FrameCounts | None) -> str:
    counts = counts or FrameCounts.for_frames(max(sample.n_frames, 1))
    score, clause = sample.score, sample.decisive_clause
    has_windows = not clause.is_static
    curves = curves_svg(score.ssr_initial, score.ssr_final, window=counts.window, has_windows=has_windows)
    if not curves:
        return "<p>No frame is scored.</p>"
    names = ", ".join(
        f'<span class="{kind}">{escape(name)}</span>'
        for kind, name in zip(("initial", "final"), name_curves(clause), strict=False)
    )
    note = " Shaded: the frames averaged at either end." if has_windows else ""
    return f"<figure>{curves}<figcaption>Scores: {names}.{note}</figcaption></figure>"


def _certainty(sample: Sample) -> str:
    """Return the certainty of a sample, empty where it is not known."""
    text = explain_certainty(sample)
    origin = "As submitted; boxes alone cannot confirm it."
    return f'<p>{escape(text)} <span class="quiet">{origin}</span></p>' if text else ""


def _parts(sample: Sample) -> str:
    score = sample.score
    if score.status is not Status.SCORED:
        return ""
    has_parts = not np.isnan(score.r_init)
    cells = "".join(
        f'<div title="{escape(meaning)}"><dt>{escape(title)}</dt><dd>{getattr(score, name):+.3f}</dd></div>'
        for name, (title, meaning) in PARTS.items()
        if has_parts
    )
    return f'<dl class="parts"><div><dt>DSR-Score</dt><dd><b>{score.dsr_score:.3f}</b></dd></div>{cells}</dl>'


def _boxes(tracks: VideoTracks | None, video: str, names: Sequence[str]) -> str:
    """Return the boxes over the frames, moved by a slider; without a script the middle frame is shown."""
    if tracks is None:
        return "<p>There are no boxes to draw.</p>"
    width, height = tracks.size
    clip = {"subject": tracks.subject.round(1), "object": tracks.object.round(1), "fps": tracks.fps}
    boxes = "".join(
        _rect(kind, boxes[len(tracks) // 2]) for kind, boxes in (("object", tracks.object), ("subject", tracks.subject))
    )
    player = f'<video src="{escape(video)}" muted playsinline preload="auto"></video>' if video else ""
    captions = " ".join(
        f'<span class="{kind}">{escape(name)}</span>' for kind, name in zip(("subject", "object"), names, strict=False)
    )
    label = escape(" and the ".join(names))
    return (
        f'<dsr-clip data-boxes="{escape(json.dumps(to_json(clip)))}"><figure>'
        f'<div class="stage" style="aspect-ratio:{width}/{height}">{player}'
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="Boxes of the {label}">'
        f"{boxes}</svg></div>"
        f"<figcaption>{captions}</figcaption></figure></dsr-clip>"
    )


def _rect(kind: str, box: np.ndarray) -> str:
    if np.isnan(box[0]):
        return f'<rect class="{kind}" visibility="hidden"/>'
    x0, y0, x1, y1 = box
    return f'<rect class="{kind}" x="{x0:.1f}" y="{y0:.1f}" width="{x1 - x0:.1f}" height="{y1 - y0:.1f}"/>'
