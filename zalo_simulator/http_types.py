"""A request and a reply, free of sockets."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query_string: str
    headers: Mapping[str, str]
    body: bytes
    # The fault that will spoil this reply after the message was accepted; see `faults`.
    struck_by: str = ""

    @cached_property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.query_string, keep_blank_values=True))

    @cached_property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    @cached_property
    def json(self) -> Any:
        """Return the body read as JSON; raises ValueError when it is not."""
        return json.loads(self.body)

    def header(self, name: str) -> str:
        return self.headers.get(name) or ""


@dataclass(frozen=True)
class Reply:
    body: bytes
    status: int = 200
    content_type: str = "application/json;charset=UTF-8"
    headers: tuple[tuple[str, str], ...] = field(default_factory=tuple)


def json_reply(payload: Any, status: int = 200) -> Reply:
    return Reply(json.dumps(payload, ensure_ascii=False).encode(), status)


def success(data: Any = None, **members: Any) -> Reply:
    """Answer with the envelope that both hosts share."""
    envelope = {"error": 0, "message": "Success"}
    return json_reply(envelope | ({} if data is None else {"data": data}) | members)


def failure(code: int, message: str) -> Reply:
    return json_reply({"error": code, "message": message})


def html_reply(
    page: str, status: int = 200, headers: tuple[tuple[str, str], ...] = ()
) -> Reply:
    return Reply(page.encode(), status, "text/html; charset=utf-8", headers)


def redirect(address: str, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
    return Reply(b"", 303, "text/plain; charset=utf-8", (("Location", address), *headers))
