"""The figures of scores beside what people say, as tables for the terminal and as JSON."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from dsrbench.analysis.people import PeopleAgreement
from dsrbench.analysis.statistics import Interval
from dsrbench.records import to_json
from dsrbench.report.cells import decimal, percent, plain_table


def describe_people(people: PeopleAgreement) -> dict[str, Any]:
    """Return the figures as JSON values; the clips that differ most by their model, prompt and seed."""
    largest = [
        {
            **verdict.sample.id._asdict(),
            "video": verdict.sample.video,
            "score": verdict.score,
            "people": verdict.share,
            "n_annotators": verdict.n_annotators,
        }
        for verdict in people.largest
    ]
    plain: dict[str, Any] = to_json(dataclasses.replace(people, largest=()))
    return {**plain, "largest": largest}


def print_people(people: PeopleAgreement) -> None:
    """Print the figures as tables."""
    from rich.console import Console
    from rich.text import Text

    console, table = Console(), plain_table("Scores and people", "")
    rows = [
        ("Annotators", str(people.n_annotators)),
        ("Clips (most annotators agree)", f"{people.n_clips} ({people.n_decided})"),
        ("Answers that do not tell", str(people.n_unknown)),
        ("Krippendorff's alpha of the annotators", _figure(people.alpha)),
        ("Repeated answers that are the same", _figure(people.consistency)),
        ("Decisions at 0.7 that people share", _figure(people.agreeing)),
        ("AUC of the score", _figure(people.auc)),
        ("Spearman, score and share of annotators", _figure(people.spearman)),
        ("Preferences in pairs that the scores share", _figure(people.pairwise)),
        ("Threshold that agrees best with people", _figure(people.threshold)),
    ]
    for row in rows:
        table.add_row(*row)
    console.print(table)
    if people.by_type:
        types = plain_table("Type", "Clips", "Decisions shared", title="By relation")
        for type_, (n, share) in people.by_type.items():
            types.add_row(type_, str(n), percent(share))
        console.print(types)
    if people.certainty:
        bins = plain_table("Certainty from", "Decisions", "Mean certainty", "People agree", title="Certainty")
        for one in people.certainty:
            bins.add_row(f"{one.low:.2f}", str(one.n), f"{one.certainty:.3f}", percent(one.agreeing))
        console.print(bins)
    if len(people.by_model) > 1:
        models = plain_table("Model", "People accept", "Score passes", title="By model")
        for model, (accepted, passing) in people.by_model.items():
            models.add_row(Text(model), percent(accepted), percent(passing))
        console.print(models)
    if people.largest:
        worst = plain_table("Clip", "Score", "People", title="Where people and score differ most")
        for verdict in people.largest:
            worst.add_row(Text(str(verdict.sample.id)), f"{verdict.score:.3f}", f"{verdict.share:.2f}")
        console.print(worst)


def _figure(interval: Interval) -> str:
    ends = "" if math.isnan(interval.low) else f" ({interval.low:.3f} – {interval.high:.3f})"
    return decimal(interval.value) + ends
