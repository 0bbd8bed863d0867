"""The leaderboard: where its entries are kept, how one is taken in, what is shown of them, and the application.

`storage` speaks to a folder or a dataset on the Hub; `intake` checks what is submitted, scores it again and writes it
there, and keeps an audit trail; `entries` is what the application shows. The application itself needs gradio; nothing
else here does.
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
