"""depot-bot: start and follow Depot CI runs from a pull request's comments."""

__version__ = "0.1.0"
