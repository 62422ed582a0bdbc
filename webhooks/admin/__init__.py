"""The console's pages about webhooks."""

from webhooks.admin.deliveries import WebhookDeliveryAdmin
from webhooks.admin.endpoints import WebhookEndpointAdmin

__all__ = ["WebhookDeliveryAdmin", "WebhookEndpointAdmin"]
