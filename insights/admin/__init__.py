"""The reports of the console."""

from insights.admin.reports import DayTotalAdmin

__all__ = ["DayTotalAdmin"]
