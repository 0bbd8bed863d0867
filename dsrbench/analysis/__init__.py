"""The figures of runs: summaries, comparisons of models and of backends, and their intervals; numbers alone."""

from dsrbench.analysis.agreement import Agreement, compare_backends, read_reference
from dsrbench.analysis.certainty import least_certain
from dsrbench.analysis.compare import Comparison, compare_models
from dsrbench.analysis.summary import Summary, summarize

__all__ = [
    "Agreement",
    "Comparison",
    "Summary",
    "compare_backends",
    "compare_models",
    "least_certain",
    "read_reference",
    "summarize",
]
