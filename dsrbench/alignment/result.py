"""`AlignmentResult`: what an alignment leaves."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from dsrbench.errors import InputError, MissingExtraError
from dsrbench.store import Run

if TYPE_CHECKING:
    import pandas as pd

    from dsrbench.alignment.comparison import AdapterComparison


@dataclasses.dataclass(frozen=True, eq=False)
class AlignmentResult:
    """A finished alignment.

    Attributes:
        adapter: Folder of the last round's adapter, a LoRA in diffusers' format with a model card.
        base: Run of the base model on the held-out prompts; None where the stage `evaluate` was left out.
        aligned: Run of the model with the adapter on the same prompts and seeds; None likewise.
        comparison: Base (a) beside adapter (b) under the detector that was the reward: `scores` and `quality`; None
            likewise.
        second: The same under the second detector; None without one.
    """

    adapter: Path
    base: Run | None = None
    aligned: Run | None = None
    comparison: AdapterComparison | None = None
    second: AdapterComparison | None = None

    def report(self) -> Path:
        """Write the web pages of both runs, unless they are up to date, and return that of the adapter's run.

        Raises:
            InputError: The stage `evaluate` was left out.
        """
        from dsrbench.report import update_page

        return [update_page(run) for run in self._runs()][-1]

    def to_pandas(self) -> pd.DataFrame:
        """Return the samples of both runs as a table, a row each; the column `model` is `base` or `aligned`.

        Raises:
            InputError: The stage `evaluate` was left out.
            MissingExtraError: pandas is not installed.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            import pandas  # noqa: F401
        except ImportError:
            raise MissingExtraError("a table of pandas", "pandas", "dataset") from None
        tables = [pq.read_table(run.disk.fetch("samples.parquet")) for run in self._runs()]
        return pa.concat_tables(tables).to_pandas()

    def _runs(self) -> tuple[Run, Run]:
        if self.base is None or self.aligned is None:
            raise InputError("base and adapter were not evaluated: add the stage evaluate")
        return self.base, self.aligned
