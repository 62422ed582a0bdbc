"""Console pages for templates, messages, the Official Account and what Zalo tells us."""

from messaging.admin import account, messages, templates

__all__ = ["account", "messages", "templates"]
