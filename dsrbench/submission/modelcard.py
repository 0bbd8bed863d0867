"""A result in a model's own card, as the Hub reads it: `model-index`, and `.eval_results/` for the benchmark's page."""

from __future__ import annotations

import dataclasses
from typing import Any

from dsrbench.analysis import Summary
from dsrbench.errors import InputError, MissingExtraError, first_line
from dsrbench.submission.entry import Entry

TASK = "text-to-video"
"""Task type of the Hub."""

FIGURES = {"accuracy": "Accuracy@0.7", "coverage": "Coverage", "mean_score": "Mean DSR-Score (scored samples only)"}
"""Names of the figures in a model card, by their keys in a summary."""


@dataclasses.dataclass(frozen=True)
class CardFiles:
    """Files of a model's repository.

    Attributes:
        card: Text of `README.md`.
        results: Text of a file in `.eval_results/`; empty where the board is no dataset on the Hub.
    """

    card: str
    results: str


def add_to_card(text: str, entry: Entry, figures: Summary, *, dataset: str = "") -> CardFiles:
    """Add a result to a model card, in place of an earlier one of the same suite and backends.

    Args:
        text: Text of the card; empty for a new one.
        entry: Entry of the result.
        figures: Figures, as from `dsrbench.analysis.summarize`.
        dataset: OWNER/NAME of the board's dataset on the Hub; empty for none.

    Raises:
        InputError: The text is no model card.
        MissingExtraError: huggingface_hub is not installed.
    """
    try:
        import huggingface_hub as hub
    except ImportError:
        raise MissingExtraError("writing a model card", "huggingface_hub", "board") from None
    import yaml

    try:
        card = hub.ModelCard(text or f"---\n{{}}\n---\n\n# {entry.model.id}\n", ignore_metadata_errors=False)
        data: Any = card.data
        before = list(data.eval_results or [])
    except (ValueError, TypeError, KeyError, yaml.YAMLError) as error:
        raise InputError(f"not a model card that can be added to ({first_line(error)})") from None
    new = _results(hub, entry, figures, dataset)
    same = {(one.dataset_name, one.metric_name) for one in new}
    data.model_name = data.model_name or entry.model.id.rpartition("/")[2]
    data.eval_results = [one for one in before if (one.dataset_name, one.metric_name) not in same] + new
    value = figures.headline.value
    results = ""
    if dataset:
        one = hub.EvalResultEntry(dataset_id=dataset, task_id=entry.suite.name, value=value, notes=_notes(entry))
        results = yaml.safe_dump(hub.eval_result_entries_to_yaml([one]), sort_keys=False)
    return CardFiles(str(card), results)


def _results(hub: Any, entry: Entry, figures: Summary, dataset: str) -> list[Any]:
    values = {**figures.to_json(), "accuracy": figures.headline.value}
    return [
        hub.EvalResult(
            task_type=TASK,
            dataset_type=dataset or f"dsrbench/{entry.suite.name}",
            dataset_name=f"{entry.suite.name} {entry.suite.version} ({_notes(entry)})",
            metric_type=kind,
            metric_name=name,
            metric_value=values[kind],
        )
        for kind, name in FIGURES.items()
        if values[kind] is not None
    ]


def _notes(entry: Entry) -> str:
    return f"{entry.detector.name}, {entry.tracker.name}, {len(entry.seeds)} seeds a prompt"
