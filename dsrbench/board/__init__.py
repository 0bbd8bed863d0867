"""The leaderboard: storage and intake of its entries, their ranking, and the application that shows them.

`storage` reads and writes a folder or a dataset on the Hub. `intake` checks a submission, scores it again, writes it to
the storage, and keeps an audit trail. `entries` is what the application shows. The application alone needs gradio.
"""

from dsrbench.board.entries import Board, OpenEntry, View
from dsrbench.board.intake import Intake, Receipt
from dsrbench.board.records import PUBLISHED, REDETECTED, RESCORED, SELF_REPORTED, TIERS, Record
from dsrbench.board.rules import Rules
from dsrbench.board.storage import HubStorage, LocalStorage, Snapshot, Storage, open_stores
from dsrbench.board.ties import Placed

__all__ = [
    "PUBLISHED",
    "REDETECTED",
    "RESCORED",
    "SELF_REPORTED",
    "TIERS",
    "Board",
    "HubStorage",
    "Intake",
    "LocalStorage",
    "OpenEntry",
    "Placed",
    "Receipt",
    "Record",
    "Rules",
    "Snapshot",
    "Storage",
    "View",
    "open_stores",
]
