"""Draw `docs/images/diagnoses.svg`: the example videos as trajectories, with their SSR curves, scores and diagnoses.

Run: python benchmark/figures/make_diagnoses.py
"""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

import numpy as np

from dsrbench import VideoScore, VideoTracks, score_tracks
from dsrbench.metric.box_files import tracks_from_line
from dsrbench.report.words import TITLES

HERE = Path(__file__).resolve().parent
IMAGES = HERE.parents[1] / "docs" / "images"
SHOWN = ("walks_over", "stops_half_way", "stays_where_it_is", "walks_backwards")
WIDTH, ROW, SCENE = 860, 132, 200
SUBJECT, OBJECT = "#d1801b", "#2b7bba"


def draw_scene(tracks: VideoTracks, x: float, y: float) -> str:
    """The chair, and the cat at five moments, later ones darker."""
    scale = SCENE / 832
    parts = [f'<rect x="{x}" y="{y}" width="{SCENE}" height="{480 * scale:.0f}" rx="4" fill="#8881" stroke="#8886"/>']

    def box(b: np.ndarray, colour: str, opacity: float) -> str:
        x0, y0, x1, y1 = b * scale
        return (
            f'<rect x="{x + x0:.1f}" y="{y + y0:.1f}" width="{x1 - x0:.1f}" height="{y1 - y0:.1f}" fill="{colour}" '
            f'fill-opacity="{opacity * 0.25:.2f}" stroke="{colour}" stroke-opacity="{opacity:.2f}" stroke-width="1.5"/>'
        )

    parts.append(box(np.nanmedian(tracks.object, axis=0), OBJECT, 1.0))
    seen = np.flatnonzero(~np.isnan(tracks.subject[:, 0]))
    for k, t in enumerate(seen[np.linspace(0, len(seen) - 1, 5).astype(int)]):
        parts.append(box(tracks.subject[t], SUBJECT, 0.25 + 0.75 * k / 4))
    return "".join(parts)


def draw_curves(score: VideoScore, x: float, y: float, width: float, height: float) -> str:
    """Both SSR curves over time, from -1 to 1."""
    middle = y + height / 2
    parts = [f'<path d="M{x} {middle}h{width}" stroke="#8886"/>']
    for values, dash in ((score.ssr_initial, ""), (score.ssr_final, ' stroke-dasharray="5 3"')):
        at = x + np.arange(len(values)) / (len(values) - 1) * width
        points = [f"{a:.1f},{middle - v * height / 2:.1f}" for a, v in zip(at, values, strict=True) if v == v]
        parts.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="#777" stroke-width="2"{dash}/>')
    return "".join(parts)


def main() -> None:
    """Write the picture."""
    lines = (HERE.parent / "examples" / "boxes.jsonl").read_text(encoding="utf-8").splitlines()
    videos = {line["video"].removesuffix(".mp4"): line for line in map(json.loads, lines)}
    names = {"L": "left of", "R": "right of", "T": "on top of"}
    rows = []
    for i, name in enumerate(SHOWN):
        tracks, relations = tracks_from_line(videos[name])
        score = score_tracks(tracks, relations)
        y = 30 + i * ROW
        asked = f"{names[relations[0].value]} → {names[relations[1].value]}"
        rows.append(draw_scene(tracks, 10, y) + draw_curves(score, 240, y, 300, 110))
        rows.append(f'<text x="570" y="{y + 28}" class="b">{escape(TITLES[score.diagnosis])}</text>')
        rows.append(f'<text x="570" y="{y + 54}">DSR-Score {score.dsr_score:.2f}</text>')
        rows.append(f'<text x="570" y="{y + 80}" class="s">asked: {escape(asked)}</text>')
    head = (
        '<text x="10" y="18" class="s">subject (orange), object (blue)</text>'
        '<text x="240" y="18" class="s">SSR score of the initial (—) and final (- -) relation, -1 … 1</text>'
    )
    style = "text{font:15px system-ui,sans-serif;fill:#777}.b{font-weight:600}.s{font-size:12px}"
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {30 + ROW * len(SHOWN)}" role="img">'
        f"<title>Four videos, their SSR curves, DSR-Scores and diagnoses</title><style>{style}</style>"
        f"{head}{''.join(rows)}</svg>\n"
    )
    (IMAGES / "diagnoses.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
