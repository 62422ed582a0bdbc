"""Console pages for templates, messages, channels, the account and what providers tell."""

from messaging.admin import account, channels, messages, registry, templates

__all__ = ["account", "channels", "messages", "registry", "templates"]
