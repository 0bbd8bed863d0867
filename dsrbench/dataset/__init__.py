"""From scored runs to what a model can be trained on."""

from dsrbench.dataset.pairs import Choice, Pair, PairReport, make_pairs, read_pairs, write_pairs

__all__ = ["Choice", "Pair", "PairReport", "make_pairs", "read_pairs", "write_pairs"]
