"""The errors that people see: each says what was expected, what was found, where, and what to do."""

from datetime import date


class PizzaAssetsError(Exception):
    """Base of every error that the command line shows as one sentence."""


class SettingsError(PizzaAssetsError):
    """A setting is missing or wrong."""


class SourceError(PizzaAssetsError):
    """A source could not give its data. ``final`` tells that asking again in this run is useless."""

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.final = final


class ContractError(PizzaAssetsError):
    """A frame breaks its contract. ``refused`` tells which day a check refuses for it, and the check's name."""

    refused: tuple[date, str] | None = None


class LakeError(PizzaAssetsError):
    """The lake cannot be read or written, or holds something that should not be there."""


class WarehouseError(PizzaAssetsError):
    """The warehouse cannot be reached, read or written, or refuses what it is given."""


class EngineError(PizzaAssetsError):
    """A query engine is missing, cannot be reached, or has run out of memory."""
