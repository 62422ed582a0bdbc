"""What happens is written down for those who want to hear it, in the fact's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.utils import timezone

from core.batch import insert_rows
from core.happenings import Happened
from core.nudge import nudge_after_commit
from core.questions import Question
from members.merged import kept_ids
from members.models import Member
from webhooks.models import WebhookDelivery, WebhookEndpoint
from webhooks.payloads import COLUMNS, delivery_row, write_payload
from webhooks.tasks import dispatch

# A history that is imported happened long ago; nobody is told of it as of news.
LATEST = timedelta(days=3)

# Asked with every sale. Few endpoints listen: they are read whole.
LISTENING = Question(lambda: WebhookEndpoint.objects.filter(is_on=True).order_by("pk"))


def tell(happened: Sequence[Happened]) -> None:
    """Write a delivery for every endpoint that wants to hear of these.

    One query where none does. The clock is the machine's own: what is sent goes to
    systems that live by it.
    """
    now = timezone.now()
    fresh = [one for one in happened if one.at >= now - LATEST]
    if not fresh:
        return
    wanted = [
        (endpoint.pk, one)
        for endpoint in LISTENING.ask()
        for one in fresh
        if one.kind in endpoint.kinds
    ]
    if not wanted:
        return
    codes = _codes({one.member_id for _endpoint, one in wanted})
    rows = [
        delivery_row(endpoint, one.kind, _payload(one, codes[one.member_id]), now)
        for endpoint, one in wanted
    ]
    insert_rows(WebhookDelivery._meta.db_table, COLUMNS, rows)
    nudge_after_commit(dispatch)


def _codes(member_ids: set[int]) -> dict[int, str]:
    """Return the codes of these members; of merged ones, the code of who was kept."""
    rows = list(
        Member.objects.filter(pk__in=member_ids)
        .order_by()
        .values_list("pk", "code", "merged_into")
    )
    codes = {pk: code for pk, code, _into in rows}
    if merged := [pk for pk, _code, into in rows if into]:
        kept = kept_ids(merged)
        known = Member.objects.filter(pk__in=set(kept.values())).order_by()
        kept_codes = dict(known.values_list("pk", "code"))
        codes |= {pk: kept_codes[into] for pk, into in kept.items()}
    return codes


def _payload(one: Happened, code: str) -> str:
    data = {"member_id": code, "reference": one.reference, **one.names}
    return write_payload(one.kind, one.at, data)
