"""Console pages for the programme, its staff, its clock and its records."""

from core.admin import programme, schedules, sign_ins, staff

__all__ = ["programme", "schedules", "sign_ins", "staff"]
