"""What the person in front of the terminal sees."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from loyalty_site.launch.children import NAME_WIDTH

if TYPE_CHECKING:
    from loyalty_site.launch.site import Plan

COLORS = {"web": 36, "worker": 32, "beat": 35, "simulator": 34, "broker": 33}


class Screen:
    """Writes to the terminal, and goes quiet when the terminal has gone."""

    def __init__(self) -> None:
        self._is_open = True
        self._has_colors = sys.stdout.isatty()

    def say(self, name: str, line: str) -> None:
        """Pass on a line of one of the processes."""
        label = f"{name:<{NAME_WIDTH}} |"
        if self._has_colors:
            label = f"\033[{COLORS.get(name, 37)}m{label}\033[0m"
        if line:
            self.note(f"{label} {line}")

    def note(self, text: str) -> None:
        if not self._is_open:
            return
        try:
            print(text, flush=True)  # noqa: T201
        except OSError:
            self._is_open = False

    def welcome(self, plan: Plan, demo_lines: Sequence[str] = ()) -> None:
        lines = ["", "The site is ready. Ctrl-C stops it.", ""]
        lines += [f"  {label:<18}{value}" for label, value in self._places(plan)]
        if demo_lines:
            lines += ["", "  The demo:", *(f"    {line}" for line in demo_lines)]
        lines += ["", "  Logs are in var/log/. Health: /healthz and /readyz.", ""]
        self.note("\n".join(lines))

    @staticmethod
    def _places(plan: Plan) -> list[tuple[str, str]]:
        places = [
            ("Member pages", f"{plan.url}/"),
            ("Console", f"{plan.url}/admin/"),
            ("API", f"{plan.url}/api/docs/"),
        ]
        if plan.simulator_port is not None:
            places.append(("Simulated phones", f"{plan.simulator_url}/"))
        return places
