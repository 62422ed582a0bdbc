"""What staff set going: a review right after publishing. The night would do it, too."""

from datetime import datetime

from celery import shared_task

from tiers.services import review_tiers


@shared_task(name="tiers.tasks.review_now")
def review_now(*, at: str) -> None:
    review_tiers(at=datetime.fromisoformat(at))
