"""A run folder: what a run wrote, found again after a crash, on this disk or at a URL.

`run.json` (manifest), `videos/`, `generated/` (a note for each video made here), `detections/`, `tracks/`, `samples/`
(one JSON a sample), `samples.parquet` (compacted from them), `files.parquet` (which videos these were of), `log.jsonl`,
`report/`, `judgments/` (answers of a vision-language model).
"""

from dsrbench.store.disk import LocalDisk
from dsrbench.store.journal import Journal
from dsrbench.store.manifest import BackendRecord, DeviceRecord, RunManifest, RuntimeRecord, ShardRecord, SuiteRecord
from dsrbench.store.mirror import Mirror, is_url
from dsrbench.store.run import Run, Written, describe_changes
from dsrbench.store.samples import Sample, SampleKey, VideoRecord, read_samples, table_schema
from dsrbench.store.tensors import pack_tensors, sort_notes

__all__ = [
    "BackendRecord",
    "DeviceRecord",
    "Journal",
    "LocalDisk",
    "Mirror",
    "Run",
    "RunManifest",
    "RuntimeRecord",
    "Sample",
    "SampleKey",
    "ShardRecord",
    "SuiteRecord",
    "VideoRecord",
    "Written",
    "describe_changes",
    "is_url",
    "pack_tensors",
    "read_samples",
    "sort_notes",
    "table_schema",
]
