"""The fleet: which machines need somebody, and why."""

from sunsweep.app.pages.fleet.page import FleetPage

__all__ = ["FleetPage"]
