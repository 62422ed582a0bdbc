"""Messages to members: templates, channels, the outbox, what providers tell us."""

from messaging.models.channels import (
    ZALO_CHANNELS,
    Channel,
    OfficialAccount,
    SendingChannel,
    SendingPolicy,
)
from messaging.models.outbox import Message
from messaging.models.templates import (
    MessageTemplate,
    TemplateParameter,
    ZaloTemplate,
    zalo_channels,
)
from messaging.models.told import DoNotAdvertise, Feedback, Follower, WebhookEvent

__all__ = [
    "Channel",
    "DoNotAdvertise",
    "Feedback",
    "Follower",
    "Message",
    "MessageTemplate",
    "OfficialAccount",
    "SendingChannel",
    "SendingPolicy",
    "TemplateParameter",
    "WebhookEvent",
    "ZALO_CHANNELS",
    "ZaloTemplate",
    "zalo_channels",
]
