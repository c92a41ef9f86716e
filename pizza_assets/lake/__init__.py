"""Where bytes live: layout, stores, formats and the daily tables over them."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pizza_assets.errors import SettingsError
from pizza_assets.lake.s3 import ATTEMPTS, S3Store
from pizza_assets.lake.store import LocalStore, Store
from pizza_assets.settings import Settings

__all__ = ["is_on_s3", "lake_of", "lake_to_read", "lake_to_write", "open_lake", "s3_client"]


def is_on_s3(location: str) -> bool:
    """Tell whether a lake's location is a bucket."""
    return location.startswith("s3://")


def s3_client(settings: Settings) -> Any:  # noqa: ANN401 boto3 makes client classes at run time
    """Return a boto3 S3 client for the settings' endpoint, region and profile."""
    import boto3
    from botocore.config import Config  # noqa: PLC0415 only where the lake is on S3

    session = boto3.Session(profile_name=settings.aws_profile, region_name=settings.aws_region)
    endpoint = str(settings.aws_endpoint_url) if settings.aws_endpoint_url else None
    config = Config(connect_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
    return session.client("s3", endpoint_url=endpoint, config=config)


def open_lake(location: str, client: Any = None, attempts: int = ATTEMPTS) -> Store:  # noqa: ANN401 boto3 makes client classes at run time
    """Return the store at a location: a folder, or ``s3://bucket[/prefix]`` through `client`, in so many attempts."""
    if not is_on_s3(location):
        if "://" in location:
            raise SettingsError(f"PIZZA_LAKE={location}: expected a folder or s3://bucket[/prefix].")
        return LocalStore(Path(location))
    parts = urlsplit(location)
    if not parts.netloc:
        raise SettingsError(f"PIZZA_LAKE={location}: expected s3://bucket[/prefix], found no bucket.")
    return S3Store(client, parts.netloc, parts.path, attempts)


def lake_of(settings: Settings, location: str | None = None) -> Store:
    """Return the store at the settings' location, or at another one with the settings' client and attempts."""
    place = settings.pizza_lake if location is None else location
    return open_lake(place, s3_client(settings) if is_on_s3(place) else None, settings.s3_attempts)


def lake_to_read(settings: Settings) -> Store:
    """Return the settings' lake for a command that only reads.

    Raises
    ------
    SettingsError
        When a lake in a folder is not there, is a file, or cannot be read.
    """
    store = lake_of(settings)
    if isinstance(store, LocalStore):
        said = f"PIZZA_LAKE={settings.pizza_lake}: expected the folder of a lake,"
        try:
            next(store.root.iterdir(), None)
        except FileNotFoundError:
            raise SettingsError(
                f"{said} found nothing at {store.root}. Make one (pizza-assets demo, or backfill), or name another."
            ) from None
        except NotADirectoryError:
            raise SettingsError(f"{said} found a file at {store.root}. Name a folder, or s3://bucket.") from None
        except OSError as error:
            raise SettingsError(
                f"{said} found {store.root}, which cannot be read: {error.strerror}. Correct the permissions, or name "
                "another."
            ) from None
    return store


def lake_to_write(settings: Settings) -> Store:
    """Return the settings' lake for a command that writes; a folder is made.

    Raises
    ------
    SettingsError
        When a folder cannot be made or written to.
    """
    store = lake_of(settings)
    if isinstance(store, LocalStore):
        said = f"PIZZA_LAKE={settings.pizza_lake}: expected a folder that can be written to,"
        try:
            store.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(
                f"{said} found {store.root}: {error.strerror}. Name another folder, or s3://bucket."
            ) from None
        if not os.access(store.root, os.W_OK | os.X_OK):
            raise SettingsError(f"{said} and {store.root} may not be. Correct its permissions, or name another.")
    return store
