"""Entries of the leaderboard: pack a run as an entry, and check an entry by scoring it again from its boxes.

An entry is a folder of two files: `entry.json` (settings of the run, and the claimed figures) and `boxes.parquet` (a
row a sample: the boxes of every frame, status, video hash, score, certainty). No pickle, no archive, no video.
"""

from dsrbench.submission.boxes import read_boxes, write_boxes
from dsrbench.submission.check import CheckedEntry, check_entry, check_figures
from dsrbench.submission.entry import Entry, ModelFacts, SubmissionError, read_entry
from dsrbench.submission.implied import find_contradictions, find_repeated_videos
from dsrbench.submission.pack import pack_entry

__all__ = [
    "CheckedEntry",
    "Entry",
    "ModelFacts",
    "SubmissionError",
    "check_entry",
    "check_figures",
    "find_contradictions",
    "find_repeated_videos",
    "pack_entry",
    "read_boxes",
    "read_entry",
    "write_boxes",
]
