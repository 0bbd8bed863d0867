"""Draw what `experiments.py` found: Accuracy@0.7 of base and aligned model under either detector, with coverage.

Run: python benchmark/align/plot.py FOLDER [--out docs/images/alignment.svg]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
WIDTH, ROW, LEFT, TOP = 860, 22, 190, 54
PANEL = 300
COLOURS = {
    "base": "#7a7a7a",
    "dpo": "#1a7f4b",
    "two-rounds": "#00a35c",
    "sft": "#b06a00",
    "unregularised": "#b3261e",
    "nft": "#2b5fb8",
    "rwr": "#8a6fb0",
    "nft-rounds": "#1f8fd6",
    "nft-averaged": "#0f5c8f",
}
TITLES = {
    "dpo": "DPO, regularised",
    "two-rounds": "the same, two rounds",
    "sft": "SFT on winners",
    "unregularised": "DPO, no regulariser",
    "nft": "DiffusionNFT",
    "rwr": "reward-weighted",
    "nft-rounds": "DiffusionNFT, rounds",
    "nft-averaged": "the same, averaged",
}
DETECTORS = {"sprites": "reward's detector", "sprites-template": "second detector"}


def rows_of(results: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Kind, label and result of each row: the base once, then every training."""
    trainings = [(row["arm"], f"{TITLES[row['arm']]}, seed {row['seed']}", row) for row in results]
    return [("base", "base", results[0]), *trainings]


def draw_panel(
    x: float, title: str, rows: Sequence[tuple[str, str, Mapping[str, Any]]], detector: str
) -> Iterator[str]:
    """One detector: a bar with its interval a row, the coverage as a tick."""
    yield f'<text x="{x}" y="24" font-weight="600">{escape(title)}</text>'
    for share in (0, 0.25, 0.5, 0.75, 1):
        at = x + share * PANEL
        yield f'<path d="M{at} {TOP - 12}V{TOP + ROW * len(rows)}" stroke="#8884"/>'
        yield f'<text x="{at}" y="{TOP - 16}" text-anchor="middle" font-size="10" fill="#777">{share:.0%}</text>'
    for number, (kind, _, row) in enumerate(rows):
        side = "a" if kind == "base" else "b"
        scores = row[detector]["scores"]
        accuracy, coverage = scores[f"accuracy_{side}"], scores[f"coverage_{side}"]
        y = TOP + ROW * number
        low, value, high = (x + accuracy[name] * PANEL for name in ("low", "value", "high"))
        yield f'<rect x="{x}" y="{y + 4}" width="{value - x:.1f}" height="{ROW - 9}" fill="{COLOURS[kind]}" rx="2"/>'
        yield f'<path d="M{low:.1f} {y + ROW / 2 - 0.5}H{high:.1f}" stroke="#333" stroke-width="2"/>'
        yield f'<path d="M{x + coverage * PANEL:.1f} {y + 2}v{ROW - 5}" stroke="#2b7bba" stroke-width="3"/>'


def draw(results: Sequence[Mapping[str, Any]]) -> str:
    """The picture as SVG."""
    rows = rows_of(results)
    height = TOP + ROW * len(rows) + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        'aria-label="Accuracy and coverage of base and aligned models" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
    ]
    for number, (_, label, _) in enumerate(rows):
        parts.append(f'<text x="{LEFT - 12}" y="{TOP + ROW * number + 15}" text-anchor="end">{escape(label)}</text>')
    for number, (detector, title) in enumerate(DETECTORS.items()):
        x = LEFT + number * (PANEL + 40)
        parts += draw_panel(x, f"Accuracy@0.7, {title} ({detector})", rows, detector)
    note = "Bars: Accuracy@0.7 with its 95 % interval. Blue ticks: coverage."
    parts.append(f'<text x="{LEFT}" y="{height - 10}" font-size="11" fill="#555">{note}</text></svg>')
    return "\n".join(parts) + "\n"


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="of experiments.py")
    parser.add_argument("--out", type=Path, default=IMAGES / "alignment.svg")
    given = parser.parse_args()
    results = json.loads((given.folder / "results.json").read_text(encoding="utf-8"))
    given.out.write_text(draw(results), encoding="utf-8")


if __name__ == "__main__":
    main()
