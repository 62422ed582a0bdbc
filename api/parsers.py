"""Read a JSON body strictly: what is odd is refused before any code can trip over it."""

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import IO, Any, Protocol

from django.utils.translation import gettext as _
from rest_framework.parsers import BaseParser

from api.errors import LengthRequired, PayloadTooLarge
from core.errors import InvalidInput

# An order of 500 lines is about 100 kB.
MAX_BODY = 1024 * 1024
# The deepest honest body is an object with a list of objects.
MAX_DEPTH = 10
# No database stores NUL; a lone surrogate is legal in JSON's escapes and nowhere else.
NEVER_IN_TEXT = re.compile("[\0\ud800-\udfff]")


class InvalidJson(InvalidInput):
    """The body is not one plain JSON object."""

    code = "invalid_json"


class StrictJSONParser(BaseParser):
    """Accept one JSON object in UTF-8, with exact decimals and without oddities."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        document = _load(_decode(read_body(stream)))
        if not isinstance(document, dict):
            raise InvalidJson(_("Send one JSON object: a body that starts with “{”."))
        _check_values(document)
        return document


class Readable(Protocol):
    """What a body is read from: a file, or Django's request."""

    def read(self, size: int, /) -> bytes: ...


def read_body(stream: Readable, limit: int = MAX_BODY) -> bytes:
    """Read a body, but never more than the limit."""
    body = stream.read(limit + 1)
    if len(body) > limit:
        raise body_too_large(limit)
    return body


def check_length(meta: Mapping[str, Any], limit: int = MAX_BODY) -> None:
    """Refuse by the headers alone what is too large or has no length."""
    length = str(meta.get("CONTENT_LENGTH") or "")
    if length.isdecimal() and (len(length) > 18 or int(length) > limit):
        raise body_too_large(limit)
    if not length and meta.get("HTTP_TRANSFER_ENCODING"):
        raise LengthRequired(_("Send the body in one piece with a Content-Length header."))


def body_too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(
        _("The body is too large. Send at most %(kilobytes)d kB in one request.")
        % {"kilobytes": limit // 1024}
    )


def _decode(body: bytes) -> str:
    try:
        # Tills on Windows like to put a byte order mark in front.
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidJson(_("The body is not valid UTF-8.")) from error


def _load(text: str) -> Any:
    try:
        return json.loads(
            text,
            parse_float=Decimal,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique_names,
        )
    except json.JSONDecodeError as error:
        raise InvalidJson(
            _("The body is no JSON: see line %(line)d, column %(column)d.")
            % {"line": error.lineno, "column": error.colno}
        ) from error
    except RecursionError as error:
        raise _too_deep() from error
    except (ValueError, ArithmeticError) as error:
        raise InvalidJson(_("The body holds a number that is too long.")) from error


def _refuse_constant(name: str) -> None:
    raise InvalidJson(_("%(name)s is no JSON number.") % {"name": name})


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) != len(pairs):
        raise InvalidJson(_("An object in the body has the same field twice."))
    return names


def _check_values(document: dict[str, Any]) -> None:
    """Refuse depth and characters that no database or page can hold."""
    level: list[Any] = [document]
    for _depth in range(MAX_DEPTH):
        for value in level:
            for text in _texts(value):
                _check_text(text)
        level = [part for value in level for part in _parts(value)]
        if not level:
            return
    raise _too_deep()


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    if isinstance(value, list):
        yield from value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    if isinstance(value, dict):
        yield from value


def _check_text(text: str) -> None:
    if NEVER_IN_TEXT.search(text):
        raise InvalidJson(
            _("A text in the body holds a character that cannot be (NUL or surrogate).")
        )


def _too_deep() -> InvalidJson:
    return InvalidJson(
        _("The body is nested too deeply: at most %(depth)d levels.") % {"depth": MAX_DEPTH}
    )
