"""The leaderboard: where its entries are kept, how one is taken in, what is shown of them, and the application.

`storage` speaks to a folder or a dataset on the Hub; `intake` checks what is submitted, scores it again and writes it
there; `entries` is what the application shows. The application itself needs gradio; nothing else here does.
"""

from dsrbench.board.storage import HubStorage, LocalStorage, Snapshot, Storage, open_storage

__all__ = ["HubStorage", "LocalStorage", "Snapshot", "Storage", "open_storage"]
