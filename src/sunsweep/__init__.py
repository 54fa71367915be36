"""The open fleet platform for solar-panel cleaning machines."""

__version__ = "0.1.0"
