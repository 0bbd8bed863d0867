"""Tracks with draws made by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
from factories.runs import SIDE

from dsrbench.types import TrackDraws


def draws_of(tracks, drawn):
    """The tracks with the boxes of others as their draws."""
    draws = TrackDraws(np.stack([d.subject for d in drawn]), np.stack([d.object for d in drawn]))
    return dataclasses.replace(tracks, draws=draws)


def still_track(tracks, at):
    """The tracks with a subject that stays `at` sides right of the object's centre."""
    return dataclasses.replace(tracks, subject=tracks.object + np.array([at * SIDE, 0, at * SIDE, 0]))
