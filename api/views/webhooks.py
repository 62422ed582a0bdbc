"""The doors through which providers tell what happened."""

from __future__ import annotations

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.parsers import check_length, read_body
from api.schema import problems
from api.views.base import ApiView
from messaging.webhooks import accept_event, accept_sms_report

# Zalo's events are a few kilobytes.
MAX_EVENT = 256 * 1024
SIGNATURE = "X-ZEvent-Signature"


class ZaloWebhook(ApiView):
    """Take an event down at once; it is worked off later.

    Zalo waits two seconds for the answer and switches off a door that keeps failing.
    The signature is the proof of who is calling, so no till key is asked for.
    """

    authentication_classes = []
    permission_classes = []

    @extend_schema(
        operation_id="checkZaloWebhook",
        summary="Zalo checks that the address answers",
        request=None,
        responses={200: OpenApiTypes.OBJECT},
        auth=[],
        tags=["webhooks"],
    )
    def get(self, request: Request) -> Response:
        return Response({})

    @extend_schema(
        operation_id="acceptZaloEvent",
        summary="Zalo tells an event",
        description="The body is checked against its signature exactly as it was sent.",
        parameters=[
            OpenApiParameter(
                SIGNATURE, OpenApiTypes.STR, OpenApiParameter.HEADER, required=True
            )
        ],
        request=OpenApiTypes.OBJECT,
        responses={
            200: OpenApiTypes.OBJECT,
            **problems(400, 401, 411, 413, 503),
        },
        auth=[],
        tags=["webhooks"],
    )
    def post(self, request: Request) -> Response:
        check_length(request.META, MAX_EVENT)
        body = read_body(request._request, MAX_EVENT)
        signature = request.headers.get(SIGNATURE, "")
        accept_event(body=body, signature=signature, at=timezone.now())
        return Response({})


class SmsReport(ApiView):
    """Take down what became of an SMS; the gateway asks with its answer in the address."""

    authentication_classes = []
    permission_classes = []

    @extend_schema(
        operation_id="acceptSmsReport",
        summary="The SMS gateway tells what became of a message",
        description="By GET with the facts as parameters, as eSMS does.",
        request=None,
        responses={200: OpenApiTypes.OBJECT, **problems(401, 503)},
        auth=[],
        tags=["webhooks"],
    )
    def get(self, request: Request, secret: str) -> Response:
        told = {name: str(value) for name, value in request.query_params.items()}
        accept_sms_report(told=told, secret=secret, at=timezone.now())
        return Response({})
