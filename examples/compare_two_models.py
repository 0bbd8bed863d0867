"""Compare two models on the same prompts and seeds: the paired difference, its interval and its p-value.

Two finished runs, whatever made them:

    pip install dsrbench
    python compare_two_models.py runs/base runs/aligned

Without runs, the embedded model with and without classifier-free guidance, on the CPU in about a minute:

    pip install "dsrbench[sprites]"
    python compare_two_models.py

Samples are paired by prompt and seed. Prompts, not samples, are drawn again for the intervals and have their signs
flipped for the p-value, since the seeds of one prompt are not independent. `dsrbench compare RUN RUN2` prints more.
"""

from __future__ import annotations

import argparse

import dsrbench
from dsrbench.analysis import compare_models
from dsrbench.store import Run


def make_runs(limit: int) -> tuple[Run, Run]:
    """Evaluate the embedded model without and with guidance."""
    runs = []
    for name, guidance in (("unguided", 1.0), ("guided", 3.5)):
        options = {"generator": {"guidance": guidance}}
        result = dsrbench.evaluate(seeds=[0, 1], limit=limit, options=options, out=f"runs/{name}", on_note=print)
        runs.append(result.run)
    return runs[0], runs[1]


def main() -> None:
    """Open or make two runs, and print how they compare."""
    parser = argparse.ArgumentParser(description="Compare two runs, paired by prompt and seed.")
    parser.add_argument("runs", nargs="*", help="two run folders")
    parser.add_argument("--limit", type=int, default=60, help="samples of each model, where they are made here")
    arguments = parser.parse_args()
    if len(arguments.runs) not in (0, 2):
        parser.error("expected two runs, or none")
    a, b = (Run.open(folder) for folder in arguments.runs) if arguments.runs else make_runs(arguments.limit)

    comparison = compare_models(a, b)
    for run, accuracy in ((a, comparison.accuracy_a), (b, comparison.accuracy_b)):
        print(f"{run.folder.name:<16} Accuracy@0.7 {accuracy.value:.3f} [{accuracy.low:.3f}, {accuracy.high:.3f}]")
    change = comparison.difference
    print(
        f"difference       {change.difference:+.3f} [{change.low:+.3f}, {change.high:+.3f}], p = {change.p_value:.4f}"
    )
    print(f"over             {comparison.n_pairs} pairs of {comparison.n_prompts} prompts")
    for prompt in comparison.prompts[:3]:
        print(f"they differ on   {prompt.accuracy_a:.2f} -> {prompt.accuracy_b:.2f}  {prompt.text}")


if __name__ == "__main__":
    main()
