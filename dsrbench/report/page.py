"""The web page of a run: one HTML file that works from the disk, with its larger data in script files beside it."""

from __future__ import annotations

import base64
import html
import importlib.resources
import mimetypes
import string
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from dsrbench import __version__
from dsrbench.analysis.certainty import N_LEAST
from dsrbench.analysis.summary import summarize
from dsrbench.report.pagedata import Locator, order_samples, page_rows, sample_detail
from dsrbench.report.scripts import script_json
from dsrbench.report.words import KINDS, PARTS, TITLES
from dsrbench.store import Run, Sample
from dsrbench.types import CERTAIN

SHARD = 50
"""Number of samples in a data file; a card loads the file of its sample."""

MAX_STANDALONE_SAMPLES = 50
"""Maximum number of samples on a standalone page."""

MAX_STANDALONE_BYTES = 200_000_000
"""Maximum size of the videos in a standalone page, in bytes; the others are shown on a blank frame."""


def write_page(run: Run, *, standalone: bool = False) -> Path:
    """Write `report/summary.json` and the page of a finished run.

    The page needs no network: `report/index.html` refers to the run's videos and to `report/data/NNN.js`, and loads
    them as they come into view, so that a page of ten thousand samples opens at once.

    Args:
        run: A finished run.
        standalone: Whether to write `report/standalone.html` instead: one file with the lowest-scoring samples and
            their videos.

    Returns:
        Path of the page.

    Raises:
        StoreError: The run has not finished, or the folder cannot be written.
    """
    samples, manifest = order_samples(run.samples()), run.manifest
    summary = summarize(samples)
    run.write_json("report/summary.json", summary.to_json())
    data: dict[str, Any] = {
        "summary": summary.to_json(),
        "manifest": manifest.to_json(),
        "kinds": {kind.value: title for kind, title in KINDS.items()},
        "titles": {diagnosis.value: title for diagnosis, title in TITLES.items()},
        "parts": [[key, *words] for key, words in PARTS.items()],
        "certain": CERTAIN,
        "look": N_LEAST,
        "shard": SHARD,
        "total": len(samples),
    }
    locate = Locator(run)
    if standalone:
        lowest = samples[:MAX_STANDALONE_SAMPLES]
        details = [sample_detail(run, sample) for sample in lowest]
        data |= page_rows(lowest, _embed(lowest, locate), manifest)
        name = "report/standalone.html"
        page = _render(_title(run), {**data, "standalone": True, "details": details})
    else:
        data |= page_rows(samples, [locate.url(sample) for sample in samples], manifest)
        data["build"] = _write_shards(run, samples)
        name = "report/index.html"
        page = _render(_title(run), data)
    run.disk.write_atomic(name, page.encode())
    return run.disk.path(name)


def update_page(run: Run) -> Path:
    """Write the page unless a whole one made from the same table and manifest exists; return its path.

    Raises:
        StoreError: The run has not finished, or the folder cannot be written.
    """
    source = {name: sha256(run.disk.read(name)).hexdigest() for name in ("samples.parquet", "run.json")}
    source["dsrbench"] = __version__
    source_before = run.read_json("report/source.json")
    if source_before and source_before == {**source, "made": _hash_report(run)}:
        return run.disk.path("report/index.html")
    page = write_page(run)
    run.write_json("report/source.json", {**source, "made": _hash_report(run)})
    return page


def _hash_report(run: Run) -> str:
    """Return the hash of all files of the report but `source.json`, so that a damaged file is noticed."""
    digest = sha256()
    names = ("report/summary.json", "report/index.html", *run.disk.list("report/data", ".js"))
    for name in names:
        digest.update(sha256(run.disk.read(name)).digest() if run.disk.exists(name) else b"absent")
    return digest.hexdigest()


def _write_shards(run: Run, samples: Sequence[Sample]) -> str:
    """Write the data files, remove those of an earlier, larger page, and return a hash that renews browsers' caches."""
    digest, names = sha256(), set()
    for number, start in enumerate(range(0, len(samples), SHARD)):
        details = [sample_detail(run, sample) for sample in samples[start : start + SHARD]]
        text = f"dsrbenchShard({number},{script_json(details)});\n".encode()
        name = f"report/data/{number:03d}.js"
        run.disk.write_atomic(name, text)
        digest.update(text)
        names.add(name)
    for name in run.disk.list("report/data", ".js"):
        if name not in names:
            run.disk.remove(name)
    return digest.hexdigest()[:12]


def _embed(samples: Sequence[Sample], locate: Locator) -> list[str]:
    urls, left = [], MAX_STANDALONE_BYTES
    for sample in samples:
        path = locate.path(sample)
        size = path.stat().st_size if path is not None and path.is_file() else 0
        if path is None or not 0 < size <= left:
            urls.append("")
            continue
        left -= size
        kind = mimetypes.guess_type(path.name)[0] or "video/mp4"
        urls.append(f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}")
    return urls


def _render(title: str, data: dict[str, Any]) -> str:
    assets = importlib.resources.files("dsrbench.report") / "assets"
    style, template, *scripts = (
        (assets / name).read_text("utf-8") for name in ("report.css", "template.html", "report.js", "card.js")
    )
    script = "\n".join(scripts)
    # The policy allows this page's own script and the files beside it alone, should a text ever escape its quotes.
    script_hash = base64.b64encode(sha256(script.encode()).digest()).decode()
    return string.Template(template).substitute(
        title=html.escape(title), style=style, script=script, script_hash=script_hash, data=script_json(data)
    )


def _title(run: Run) -> str:
    models = run.manifest.models
    return (", ".join(models[:3]) + (" and others" if len(models) > 3 else "")) or run.folder.resolve().name
