"""The page that lies in the lake: where it is, and its bytes.

Belongs here: reading it. Does not belong here: making it (``page.py``), serving it (``serve.py``).
"""

from pathlib import Path

from pizza_assets.errors import LakeError
from pizza_assets.lake import layout
from pizza_assets.lake.store import LocalStore, Store


def page_file(store: Store, folder: Path) -> Path:
    """Return the page as a file of this machine; one that lies in a bucket is copied into `folder`.

    Raises
    ------
    LakeError
        When no page was made yet.
    """
    text = stored_page(store)
    if isinstance(store, LocalStore):
        return Path(store.uri(layout.PAGE_KEY))
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / "dashboard.html"
    copy.write_bytes(text)
    return copy.absolute()


def stored_page(store: Store) -> bytes:
    """Return the page.

    Raises
    ------
    LakeError
        When no page was made yet.
    """
    if not any(store.list(layout.PAGE_KEY)):
        raise LakeError(
            f"{store.uri(layout.PAGE_KEY)} does not exist yet. Make it with 'pizza-assets demo' or "
            "'pizza-assets backfill'."
        )
    return store.read(layout.PAGE_KEY)
