"""What beat calls for campaigns."""

from typing import Any

from celery import shared_task

from flows.clock import CAMPAIGNS, run_by_clock


@shared_task(bind=True, name="campaigns.tasks.run_campaigns")
def run_campaigns(self: Any) -> None:
    run_by_clock(CAMPAIGNS, entry_name=getattr(self.request, "periodic_task_name", None))
