from pizza_assets_tests.sources.conftest import _running_api, api

__all__ = ["_running_api", "api"]
