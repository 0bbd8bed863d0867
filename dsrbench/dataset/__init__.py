"""Training data from scored runs: preference pairs, and datasets in the Hub's form."""

from dsrbench.dataset.build import build_dataset, describe, read_curation
from dsrbench.dataset.curate import Rules
from dsrbench.dataset.form import Curation, Form
from dsrbench.dataset.pairs import Choice, Pair, PairReport, make_pairs, read_pairs, read_rows, write_pairs
from dsrbench.dataset.preferences import adopt_pairs, locate_samples, pair_sources
from dsrbench.dataset.share import find_dataset, pull_dataset, push_dataset

__all__ = [
    "Choice",
    "Curation",
    "Form",
    "Pair",
    "PairReport",
    "Rules",
    "adopt_pairs",
    "build_dataset",
    "describe",
    "find_dataset",
    "locate_samples",
    "make_pairs",
    "pair_sources",
    "pull_dataset",
    "push_dataset",
    "read_curation",
    "read_pairs",
    "read_rows",
    "write_pairs",
]
