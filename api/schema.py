"""What the OpenAPI page says about every call: the key, the problems, the headers."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    extend_schema_serializer,
)
from rest_framework import serializers

from api.fields import Body, Text, WholeNumber
from api.problems import CONTENT_TYPE


class TillKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "api.authentication.TillKeyAuthentication"
    name = "TillKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "Write `Api-Key`, a space and the key of the till.",
        }


@extend_schema_serializer(component_name="FieldProblem")
class FieldProblem(Body[Any]):
    field = Text(help_text="Where, such as `lines[0].total`; empty for the whole body.")
    message = Text(help_text="A sentence for a person.")


@extend_schema_serializer(component_name="Problem")
class Problem(Body[Any]):
    """Problem details (RFC 9457)."""

    type = Text(help_text="`urn:loyalty:problem:` and the code.")
    title = Text()
    status = WholeNumber()
    code = Text(help_text="Stable, for machines.")
    detail = Text(help_text="A sentence for a person: what to do.")
    extra = serializers.DictField(required=False, help_text="The facts of a refusal.")
    errors = FieldProblem(many=True, required=False)  # type: ignore[assignment]


SENTENCES = {
    400: "The request cannot be understood: see `errors`.",
    401: "The till key is missing or not valid.",
    404: "There is no such thing, or not for this key.",
    409: "It contradicts what stands, or the first request is at work (`Retry-After`).",
    411: "The body came without its length.",
    413: "The body is too large.",
    415: "The body is no JSON.",
    422: "The Idempotency-Key was used for another request, or the order cannot be.",
    429: "Too many codes were wrong: nothing is looked at until `Retry-After`.",
    503: "The database is busy: send the same again after `Retry-After` seconds.",
}
READ_PROBLEMS = (400, 401, 404, 503)
WRITE_PROBLEMS = (400, 401, 404, 409, 411, 413, 415, 422, 503)
# Doors that look at codes.
GUESS_PROBLEMS = (429,)


def problems(*statuses: int) -> dict[tuple[int, str], OpenApiResponse]:
    """Return the problem answers of an operation, for ``responses``."""
    return {
        (status, CONTENT_TYPE): OpenApiResponse(Problem, SENTENCES[status])
        for status in statuses
    }


def idempotency_key(*, is_required: bool) -> OpenApiParameter:
    return OpenApiParameter(
        "Idempotency-Key",
        OpenApiTypes.STR,
        OpenApiParameter.HEADER,
        required=is_required,
        description=(
            "A new random text for each new request, at most 255 characters. The same key "
            "with the same body gets the first answer again, word for word, with the "
            "header `Idempotency-Replayed: true`; kept for 30 days."
        ),
    )
