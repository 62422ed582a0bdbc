"""Console pages for the programme, its staff, its clock and its records."""

from core.admin import approvals, holidays, programme, schedules, sign_ins, staff

__all__ = ["approvals", "holidays", "programme", "schedules", "sign_ins", "staff"]
