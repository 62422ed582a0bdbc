"""Console pages for campaigns, their runs and the members in them."""

from campaigns.admin import campaign, policy, records

__all__ = ["campaign", "policy", "records"]
