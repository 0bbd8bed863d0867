"""Pages of the clips on which people and score differ: the video, its boxes, the parts of the score, the answers."""

from __future__ import annotations

import contextlib
import html
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from dsrbench.analysis.judgments import Judgment
from dsrbench.analysis.labels import ClipLabel, Labels
from dsrbench.analysis.raters import Verdict
from dsrbench.errors import VideoError
from dsrbench.report.explain import OVERLAY, render_page, write_explanation
from dsrbench.report.overlay import write_overlay
from dsrbench.store import LocalDisk, Run, SampleKey
from dsrbench.store.disk import write_error

INDEX = "index.html"
"""Name of the page that lists all others."""


def write_people_pages(
    folder: Path,
    verdicts: Sequence[Verdict],
    labels: Labels,
    runs: Iterable[Run],
    judges: Mapping[str, Mapping[SampleKey, Judgment]] | None = None,
) -> dict[SampleKey, Path]:
    """Write a page for each clip, and one that lists them.

    Args:
        folder: Folder of the pages; what is there of the same names is replaced.
        verdicts: The clips, in the order of the list.
        labels: Answers of people.
        runs: Runs with the clips.
        judges: Judgments of judges by their name and the clip.

    Returns:
        The page of each clip; clips without tracks have none.

    Raises:
        StoreError: A page cannot be written.
    """
    run_of = {sample.id: run for run in runs for sample in run.iter_samples()}
    pages: dict[SampleKey, Path] = {}
    for verdict in verdicts:
        sample = verdict.sample
        run, place = run_of[sample.id], folder / sample.id.slug
        tracks = run.tracks(sample.id)
        if tracks is None:
            continue
        video = run.locate_video(sample) or run.videos / sample.video
        try:
            place.mkdir(parents=True, exist_ok=True)
            (place / OVERLAY).unlink(missing_ok=True)
        except OSError as error:
            raise write_error(place, error) from error
        with contextlib.suppress(VideoError):  # the page says that the frames cannot be shown
            write_overlay(video, tracks, place / OVERLAY, labels=sample.prompt.nouns)
        own = [label for label in labels.clips if label.sample == sample.id]
        judgments = [by_key[sample.id] for by_key in (judges or {}).values() if sample.id in by_key]
        sections = [_answers(verdict, own), _judgments(judgments)]
        pages[sample.id] = write_explanation(
            place,
            video=video,
            sample=sample,
            tracks=tracks,
            counts=run.manifest.counts,
            sections=sections,
        )
    LocalDisk(folder).write_atomic(INDEX, _index(folder, verdicts, pages).encode())
    return pages


def _answers(verdict: Verdict, labels: Sequence[ClipLabel]) -> str:
    words = {True: "follows the prompt", False: "does not follow it", None: "cannot tell"}
    rows = [
        (label.annotator, label.start, label.end, label.present, words[label.follows(verdict.sample.prompt)])
        for label in labels
    ]
    caption = f"Answers of people: {verdict.share:.0%} of those who can tell accept the clip"
    return _table(caption, ("Annotator", "Start", "End", "Who is there", "Decision"), rows)


def _judgments(judgments: Sequence[Judgment]) -> str:
    rows = []
    for judgment in judgments:
        for claim in judgment.claims:
            yes = ", ".join(f"{name} {p:.2f}" for name, p in claim.yes.items())
            choice = ", ".join(f"{type_} {p:.2f}" for type_, p in claim.choice.items())
            rows.append((f"{judgment.score:.2f}", yes, choice, judgment.judge))
    return _table("Answers of judges, as probabilities", ("Score", "Yes", "Choice", "Judge"), rows) if rows else ""


def _index(folder: Path, verdicts: Sequence[Verdict], pages: Mapping[SampleKey, Path]) -> str:
    rows = []
    for verdict in verdicts:
        name = html.escape(str(verdict.sample.id))
        if (page := pages.get(verdict.sample.id)) is not None:
            name = f'<a href="{html.escape(page.relative_to(folder).as_posix())}">{name}</a>'
        rows.append((name, f"{verdict.score:.3f}", f"{verdict.share:.2f}"))
    heading = "<h1>Where people and score differ most</h1>"
    return render_page("People and scores", heading + _table("", ("Clip", "Score", "People"), rows, escaped=True))


def _table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]], *, escaped: bool = False) -> str:
    def cell(text: str) -> str:
        return text if escaped else html.escape(text)

    body = "".join(
        f'<tr><th scope="row">{cell(first)}</th>{"".join(f"<td>{cell(text)}</td>" for text in others)}</tr>'
        for first, *others in rows
    )
    head = "".join(f'<th scope="col">{html.escape(text)}</th>' for text in heads)
    return (
        f'<section><div class="panel"><table><caption>{html.escape(caption)}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div></section>"
    )
