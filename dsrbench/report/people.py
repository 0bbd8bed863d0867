"""The figures of scores and judges beside what people say, as tables for the terminal and as JSON."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dsrbench.analysis.judgments import JUDGE_THRESHOLD
from dsrbench.analysis.people import PeopleAgreement
from dsrbench.analysis.raters import MIN_MODELS, ModelFigures, RaterAgreement
from dsrbench.analysis.statistics import Interval
from dsrbench.records import to_json
from dsrbench.report.cells import decimal, percent, plain_table
from dsrbench.store import SampleKey
from dsrbench.types import HEADLINE_THRESHOLD

if TYPE_CHECKING:
    from rich.console import Console

SCORE = "DSR-Score"
"""Name of the DSR-Score among raters."""

Pages = Mapping[SampleKey, Path]
"""Page of each clip that has one."""


def describe_people(people: PeopleAgreement, pages: Pages | None = None) -> dict[str, Any]:
    """Return the figures as JSON values; the clips that differ most by their model, prompt and seed."""
    largest = [
        {
            **verdict.sample.id._asdict(),
            "video": verdict.sample.video,
            "score": verdict.score,
            "people": verdict.share,
            "n_annotators": verdict.n_annotators,
            "page": str(pages[verdict.sample.id]) if pages and verdict.sample.id in pages else None,
        }
        for verdict in people.largest
    ]
    plain: dict[str, Any] = to_json(dataclasses.replace(people, largest=()))
    return {**plain, "largest": largest}


def print_people(people: PeopleAgreement, pages: Pages | None = None) -> None:
    """Print the figures as tables, with a column for each rater."""
    from rich.console import Console

    console = Console()
    console.print(_people_table(people))
    short = dict(zip(people.judges, short_names(people.judges), strict=True))
    raters = {SCORE: people.score, **{short[name]: judge for name, judge in people.judges.items()}}
    console.print(_rater_table(raters))
    for name, head in short.items():
        console.print(f"{head}: {name}, passing from {JUDGE_THRESHOLD}", markup=False, highlight=False, soft_wrap=True)
    _print_types(console, raters)
    _print_certainty(console, raters)
    _print_models(console, raters)
    _print_largest(console, people, pages or {})


def short_names(judges: Iterable[str]) -> list[str]:
    """Return names of judges that fit the head of a column, all different.

    >>> short_names(["vlm@1, questions 1, 2 frames, float32", "vlm@1, questions 1, 4 frames, float32"])
    ['vlm', 'vlm (2)']
    """
    counts: Counter[str] = Counter()
    names = []
    for judge in judges:
        short = judge.partition("@")[0].rpartition("/")[2]
        counts[short] += 1
        names.append(short if counts[short] == 1 else f"{short} ({counts[short]})")
    return names


def _people_table(people: PeopleAgreement) -> Any:
    table = plain_table("People", "")
    for row in (
        ("Annotators", str(people.n_annotators)),
        ("Clips (most annotators agree)", f"{people.score.n_clips} ({people.score.n_decided})"),
        ("Answers that do not tell", str(people.n_unknown)),
        ("Krippendorff's alpha of the annotators", _figure(people.alpha)),
        ("Repeated answers that are the same", _figure(people.consistency)),
    ):
        table.add_row(*row)
    return table


def _rater_table(raters: Mapping[str, RaterAgreement]) -> Any:
    from rich.text import Text

    table = plain_table("Beside people (95 %)", *map(_plain, raters))
    figures = {
        "Decisions that people share": "agreeing",
        "AUC of the score": "auc",
        "Spearman, score and share of annotators": "spearman",
        "Preferences in pairs that the scores share": "pairwise",
        "Threshold that agrees best with people": "threshold",
    }
    table.add_row("Clips (most annotators agree)", *(f"{one.n_clips} ({one.n_decided})" for one in raters.values()))
    thresholds = [HEADLINE_THRESHOLD, *[JUDGE_THRESHOLD] * (len(raters) - 1)]
    table.add_row("Threshold of decisions", *(f"{threshold:g}" for threshold in thresholds))
    for label, name in figures.items():
        table.add_row(label, *(Text(_figure(getattr(one, name))) for one in raters.values()))
    return table


def _print_types(console: Console, raters: Mapping[str, RaterAgreement]) -> None:
    types = _merge_keys(one.by_type for one in raters.values())
    if not types:
        return
    table = plain_table("Type", "Clips", *map(_plain, raters), title="By relation: decisions that people share")
    for type_ in types:
        cells = [one.by_type.get(type_, (0, math.nan)) for one in raters.values()]
        table.add_row(type_, str(max(n for n, _ in cells)), *(percent(share) for _, share in cells))
    console.print(table)


def _print_certainty(console: Console, raters: Mapping[str, RaterAgreement]) -> None:
    table = plain_table("Rater, certainty from", "Decisions", "Mean certainty", "People agree", title="Certainty")
    for name, one in raters.items():
        for row in one.certainty:
            figures = (str(row.n), f"{row.certainty:.3f}", percent(row.agreeing))
            table.add_row(_plain(f"{name}, {row.low:.2f}"), *figures)
    if table.row_count:
        console.print(table)


def _print_models(console: Console, raters: Mapping[str, RaterAgreement]) -> None:
    models = _merge_keys(one.by_model for one in raters.values())
    if len(models) < 2:
        return
    heads = [head for name in raters for head in (f"{name}, mean", "passes")]
    table = plain_table("Model", "People accept", *map(_plain, heads), title="By model, of the clips that people saw")
    empty = ModelFigures(0, math.nan, math.nan, math.nan)
    for model in models:
        rows = [one.by_model.get(model, empty) for one in raters.values()]
        cells = [cell for row in rows for cell in (decimal(row.score), percent(row.passing))]
        table.add_row(_plain(model), percent(rows[0].people), *cells)
    console.print(table)
    order = plain_table("Means of models", *map(_plain, raters))
    order.add_row("Spearman with people", *(_figure(one.models_spearman) for one in raters.values()))
    order.add_row("Pairs of models in people's order", *(_figure(one.models_pairwise) for one in raters.values()))
    console.print(order)
    if len(models) < MIN_MODELS:
        console.print(f"{len(models)} models: these figures describe them, and say little of others.", highlight=False)


def _print_largest(console: Console, people: PeopleAgreement, pages: Pages) -> None:
    from rich.text import Text

    if not people.largest:
        return
    worst = plain_table("Clip", "Score", "People", title="Where people and score differ most")
    for verdict in people.largest:
        label = Text(str(verdict.sample.id))
        if (page := pages.get(verdict.sample.id)) is not None:
            label.append(f"\n{page}", style=f"link {page.resolve().as_uri()}")
        worst.add_row(label, f"{verdict.score:.3f}", f"{verdict.share:.2f}")
    console.print(worst)


def _merge_keys(mappings: Iterable[Mapping[str, Any]]) -> Sequence[str]:
    return sorted({key for mapping in mappings for key in mapping})


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _figure(interval: Interval) -> str:
    ends = "" if math.isnan(interval.low) else f" ({interval.low:.3f} – {interval.high:.3f})"
    return decimal(interval.value) + ends
