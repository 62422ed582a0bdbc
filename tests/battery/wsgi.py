"""The site as production runs it, and with the faults that a test asks for.

GUARDS_OFF takes away what protects a repeat: "key" the Idempotency-Key, "number" the
order's own number; "pictures" the bounds on what a picture may need. DIE_ONCE names a
file: the first order is recorded, then the worker is killed before it can answer, and the
file remembers that it was. Only the battery starts this module.
"""

import os
import secrets
import signal
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from loyalty_site.wsgi import application as site

GUARDS_OFF = os.environ.get("GUARDS_OFF", "").split(",")
DIE_ONCE = os.environ.get("DIE_ONCE", "")


def application(
    environ: dict[str, Any], start_response: Callable[..., Any]
) -> Iterable[bytes]:
    answer = site(environ, start_response)
    if DIE_ONCE and environ["REQUEST_METHOD"] == "POST":
        _die_once(Path(DIE_ONCE))
    return answer


def _die_once(memory: Path) -> None:
    try:
        memory.touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def _take_keys_away() -> None:
    from api import idempotency

    claim = idempotency._claim

    def claim_anything(attempt: idempotency.Attempt, at: datetime) -> int | None:
        return claim(replace(attempt, key=secrets.token_hex(16)), at)

    idempotency._claim = claim_anything


def _take_numbers_away() -> None:
    from api import services

    take_order = services._record_one

    def record_anything(fact: Any, **options: Any) -> Any:
        number = f"{fact.external_id}-{secrets.token_hex(8)}"
        return take_order(fact._replace(external_id=number), **options)

    services._record_one = record_anything


def _take_bounds_of_pictures_away() -> None:
    from PIL import Image, PngImagePlugin

    from core import picture_files

    Image.MAX_IMAGE_PIXELS = None
    boundless = 10**12
    PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = boundless
    picture_files.MOST_HELD_BYTES = picture_files.MOST_BYTES = boundless
    picture_files.MOST_PARTS = picture_files.MOST_SCANS = boundless


if "key" in GUARDS_OFF:
    _take_keys_away()
if "number" in GUARDS_OFF:
    _take_numbers_away()
if "pictures" in GUARDS_OFF:
    _take_bounds_of_pictures_away()
