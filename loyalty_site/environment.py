"""Settings from the environment that complain about what they cannot read."""

from __future__ import annotations

import builtins

import environ
from django.core.exceptions import ImproperlyConfigured

YES = frozenset({"1", "yes", "true", "on", "y"})
NO = frozenset({"0", "no", "false", "off", "n"})


class Environment(environ.Env):
    """The library takes any word it does not know for "no"; a typing error is no answer."""

    def bool(self, name: str, default: builtins.bool = False) -> builtins.bool:
        text = self.str(name, default="").strip().lower()
        if not text:
            return default
        if text not in YES | NO:
            raise ImproperlyConfigured(f"{name}={text} is neither yes nor no.")
        return text in YES

    def int(self, name: str, default: builtins.int = 0) -> builtins.int:
        text = self.str(name, default="").strip()
        if not text:
            return default
        try:
            return builtins.int(text)
        except ValueError:
            raise ImproperlyConfigured(f"{name}={text} is no whole number.") from None
