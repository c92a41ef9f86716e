"""Resources: the lake and the settings, as assets ask for them.

Belongs here: how a run gets at the outside. Does not belong here: what it does there. dagster_aws costs a
second to import, so only a lake on S3 imports it.
"""

from typing import Any

import dagster as dg
from pydantic import PrivateAttr

from pizza_assets.lake import is_on_s3, open_lake
from pizza_assets.lake.s3 import ATTEMPTS
from pizza_assets.lake.store import Store
from pizza_assets.settings import Settings


class LakeResource(dg.ConfigurableResource[Any]):
    """The lake: a folder, or a bucket through dagster-aws's S3Resource."""

    location: str
    attempts: int = ATTEMPTS
    s3: dg.ResourceDependency[Any] = None  # type: ignore[assignment] # a folder needs none

    _store: Store | None = PrivateAttr(default=None)

    def store(self) -> Store:
        """Return the store; one client serves the whole run."""
        if self._store is None:
            self._store = open_lake(self.location, self.s3.get_client() if self.s3 else None, self.attempts)
        return self._store


def lake_resource(settings: Settings) -> LakeResource:
    """Return the resource for the settings' lake."""
    if not is_on_s3(settings.pizza_lake):
        return LakeResource(location=settings.pizza_lake)
    from dagster_aws.s3 import S3Resource

    endpoint = str(settings.aws_endpoint_url) if settings.aws_endpoint_url else None
    s3 = S3Resource(
        endpoint_url=endpoint, region_name=settings.aws_region, profile_name=settings.aws_profile, max_attempts=3
    )
    return LakeResource(location=settings.pizza_lake, attempts=settings.s3_attempts, s3=s3)
