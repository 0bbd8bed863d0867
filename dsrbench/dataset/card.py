"""The card of a dataset: YAML header, content, origin, rules of choice, and plots."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from dsrbench import __version__
from dsrbench.dataset.curate import LOSER, REASONS, WINNER, Candidate, Rules
from dsrbench.dataset.form import Curation, Form
from dsrbench.dataset.plots import stacked_bars
from dsrbench.errors import MissingExtraError
from dsrbench.markdown import link_page, markdown_table
from dsrbench.store import LocalDisk, RunManifest
from dsrbench.types import Diagnosis, Prompt, Status

Splits = Mapping[str, Sequence[Candidate]]
"""Rows of each split."""

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
"""Size categories of the Hub, each with the number of rows below which it applies."""

COLUMNS = """| column | what |
|---|---|
| {video} |
| `prompt`, `text_used` | the prompt; the text the model was given, where that is known |
| `prompt_id`, `subject`, `object`, `scene`, `tags` | what was asked |
| `relations` | of subject to object, in time order: L(eft), R(ight), T(op), U(nder) |
| `model`, `seed`, `sample_id` | who made the video |
| `subject_boxes`, `object_boxes` | of every frame `[x0, y0, x1, y1]` in pixels, null where absent |
| `ssr_initial`, `ssr_final` | of every frame how far either relation holds, -1..1, null where not scored |
| `dsr_score`, `r_init`, `g_init`, `r_fin`, `g_fin` | DSR-Score, 0..1, and its four parts |
| `status`, `reason`, `diagnosis`, `visited` | whether there is a score, and what the video shows |
| `label` | `winner`: scores at least {threshold:g}; `loser`: scores less |
| `n_frames`, `fps`, `width`, `height` | of the video |
| `n_scored`, `n_filled` | frames scored; frames with an interpolated box |
| `video_sha256`, `likeness` | hash of the file; perceptual hash of four frames |
| `manifest` | how video and score were made: model, options, seeds, backends, versions, as JSON |"""
"""Table of the columns, with the fields `video` and `threshold`."""


def write_card(
    disk: LocalDisk,
    splits: Splits,
    prompts: Mapping[str, Prompt],
    manifests: Sequence[RunManifest],
    *,
    rules: Rules,
    form: Form,
    curation: Curation,
) -> None:
    """Write `README.md` and its plots.

    Args:
        disk: The dataset's folder.
        splits: Rows of each split.
        prompts: Prompts by id.
        manifests: Manifests of the runs.
        rules: Rules that chose the rows.
        form: Form in which the dataset is written.
        curation: Numbers of rows and of dropped samples.
    """
    rows = [row for some in splits.values() for row in some]
    disk.write_atomic("plots/scores.svg", _plot_scores(rows).encode())
    disk.write_atomic("plots/diagnoses.svg", _plot_diagnoses(rows).encode())
    video = (
        "`video` | the file, as `{bytes, path}`" if form.inside else "`video` | a file; in the table its `file_name`"
    )
    parts = [
        f"---\n{_header(splits, form)}---",
        f"# {form.name}",
        f"{len(rows)} videos of text-to-video models, each with a prompt that asks for a change of place, the boxes of "
        "what it names, and a DSR-Score ([arXiv 2602.22745](https://arxiv.org/abs/2602.22745)) that says whether the "
        f"change is shown. Made by `dsrbench dataset build` (dsrbench {__version__}). Documentation: "
        f"{link_page('the score', 'concepts/metric')}, {link_page('datasets', 'how-to/dataset')}, "
        f"{link_page('file formats', 'reference/formats')}.",
        _how_to_load(form),
        "## Columns",
        COLUMNS.format(video=video, threshold=rules.threshold),
        "## Statistics",
        markdown_table(
            ["split", "rows", "prompts", "winners", "losers", "mean DSR-Score"],
            [_figures(split, some) for split, some in splits.items()],
        ),
        markdown_table(
            ["relations", "rows", "prompts", "winners", "losers", "mean DSR-Score"],
            [_figures(type, [row for row in rows if row.type == type]) for type in sorted({row.type for row in rows})],
        ),
        _describe_videos(rows),
        "![DSR-Scores of the videos](plots/scores.svg)\n\n![What the videos show](plots/diagnoses.svg)",
        "Splits are by prompt: all videos of a prompt are in one, and so are prompts of one subject, object and scene "
        "where the suite names no split.",
        "## Curation",
        _describe_curation(rules, curation),
        "## Provenance and licence",
        _provenance(manifests),
        f"Licence: `{form.licence}`, as given by who built the dataset. What the models' licences say of their output "
        "holds besides.",
        "## Limits",
        "Boxes are what a detector sees and a tracker joins, and a score is geometry of boxes: it says nothing of how "
        "good a video looks. Labels follow the score, not people.",
    ]
    disk.write_atomic("README.md", ("\n\n".join(parts) + "\n").encode())


def _header(splits: Splits, form: Form) -> str:
    try:
        import yaml
    except ImportError:
        raise MissingExtraError("dsrbench dataset build", "PyYAML", "dataset") from None
    count = sum(map(len, splits.values()))
    path = "data/{}-*.parquet" if form.inside else "data/{}/**"
    header = {
        "pretty_name": form.name,
        "license": form.licence,
        "language": ["en"],
        "task_categories": ["text-to-video"],
        "size_categories": [next((name for most, name in SIZES if count < most), "n>1M")],
        "tags": ["dsrbench", "video", "spatial-relations", "preference"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": split, "path": path.format(split)} for split in splits],
            }
        ],
    }
    return str(yaml.safe_dump(header, sort_keys=False, allow_unicode=True))


def _how_to_load(form: Form) -> str:
    cast = "" if form.inside else '.cast_column("video", datasets.Video(decode=False))'
    source = 'io.BytesIO(row["video"]["bytes"])' if form.inside else 'row["video"]["path"]'
    code = (
        f'import io\n\nimport av\nimport datasets\n\ndata = datasets.load_dataset("FOLDER_OR_ID", split=SPLIT){cast}\n'
        f'row = data[0]\nwith av.open({source}) as video:\n    frames = [f.to_ndarray(format="rgb24") for f in '
        "video.decode(video=0)]"
    )
    return f"```python\n{code}\n```\n\nPreference pairs: `dsrbench pairs FOLDER_OR_ID --out pairs.jsonl`."


def _figures(name: str, rows: Sequence[Candidate]) -> list[str]:
    labels = Counter(row.label for row in rows)
    scores = [row.score for row in rows if row.status is Status.SCORED]
    mean = f"{math.fsum(scores) / len(scores):.3f}" if scores else ""
    prompts = len({row.prompt_id for row in rows})
    return [f"`{name}`", str(len(rows)), str(prompts), str(labels[WINNER]), str(labels[LOSER]), mean]


def _describe_videos(rows: Sequence[Candidate]) -> str:
    shapes = Counter(row.shape for row in rows)
    shape_texts = [
        f"{count} of {t} frames, {w}x{h}, {fps:g} a second" for (t, w, h, fps), count in sorted(shapes.items())
    ]
    size = sum(row.size for row in rows)
    more = f" and {len(shape_texts) - 5} other shapes" if len(shape_texts) > 5 else ""
    return f"Videos: {'; '.join(shape_texts[:5])}{more}. All together {size / 1e6:.1f} MB."


def _describe_curation(rules: Rules, curation: Curation) -> str:
    lines = [[reason.replace("_", " "), why, str(curation.dropped.get(reason, 0))] for reason, why in REASONS.items()]
    limits = [
        f"at most {rules.per_prompt} rows of a prompt" if rules.per_prompt else "no cap on the rows of a prompt",
        f"at most {rules.balance:g} times the median type's rows of a type" if rules.balance else "types not balanced",
        f"looking the same means at most {rules.near_duplicates:g} of 64 differing bits a frame"
        if rules.near_duplicates >= 0
        else "videos that look the same are kept",
    ]
    n_rows = sum(curation.rows.values())
    return (
        f"Of {curation.n_samples} samples {n_rows} are rows. The rules, in their order: {'; '.join(limits)}; draws are "
        f"seeded with {rules.seed}.\n\n" + markdown_table(["dropped", "because", "samples"], lines)
    )


def _provenance(manifests: Sequence[RunManifest]) -> str:
    rows = []
    for manifest in manifests:
        suite, generator = manifest.suite, manifest.generator
        commit = str(generator.fingerprint.get("commit") or "")[:12] if generator is not None else ""
        source = generator.name if generator is not None else "videos that were given"
        cells = (
            ", ".join(manifest.models),
            source + (f" at {commit}" if commit else ""),
            ", ".join(map(str, manifest.seeds)),
            f"{suite.name} {suite.version} (`{suite.sha256[:12]}`)",
            manifest.detector.name,
            manifest.tracker.name,
            manifest.dsrbench,
        )
        rows.append([cell or "?" for cell in cells])
    return markdown_table(["model", "made by", "seeds", "suite", "detector", "tracker", "dsrbench"], rows)


def _plot_scores(rows: Sequence[Candidate]) -> str:
    bars: dict[str, Counter[str]] = {f"{i / 10:.1f}": Counter() for i in range(10)}
    for row in rows:
        if row.status is Status.SCORED:
            bars[f"{min(int(row.score * 10), 9) / 10:.1f}"][row.label] += 1
    return stacked_bars("Videos by DSR-Score", bars, (LOSER, WINNER))


def _plot_diagnoses(rows: Sequence[Candidate]) -> str:
    bars: dict[str, Counter[str]] = {type: Counter() for type in sorted({row.type for row in rows})}
    for row in rows:
        bars[row.type][row.diagnosis or row.status.value] += 1
    parts = [*(diagnosis.value for diagnosis in Diagnosis), Status.INVALID.value]
    return stacked_bars("What the videos show, by relations", bars, parts)
