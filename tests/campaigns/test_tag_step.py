"""The recency tag: on while the last order lies in the window, off the day after."""

from datetime import datetime, timedelta

from campaigns.models import Campaign
from campaigns.services import run_campaign
from members.models import Member, MemberTag, Tag
from tests.campaigns.conftest import Buy


def run(campaign: Campaign, at: datetime, *, dry_run: bool = False) -> dict[str, object]:
    return run_campaign(campaign=campaign, at=at, trigger="command", dry_run=dry_run).counts


def tagged() -> set[str]:
    return set(MemberTag.objects.values_list("member__code", flat=True))


def test_day_45_is_inside_and_day_46_is_outside(
    recent: Campaign, mai: Member, binh: Member, buy: Buy, now: datetime
) -> None:
    buy(mai, days_ago=45)
    buy(binh, days_ago=46)
    MemberTag.objects.all().delete()

    counts = run(recent, now)

    assert tagged() == {"MAI"}
    assert (counts["tagged"], counts["entered"], counts["untagged"]) == (1, 1, 0)
    worn = MemberTag.objects.get()
    assert (worn.tag.code, worn.tagged_at, worn.source) == (
        "45",
        now,
        f"campaign:{recent.pk}",
    )


def test_days_are_the_programmes_days(
    recent: Campaign, mai: Member, buy: Buy, now: datetime
) -> None:
    # 23:30 in Ho Chi Minh City, 45 days back: still inside at one past midnight.
    last_minute = now.replace(hour=16, minute=30) - timedelta(days=45)
    buy(mai, at=last_minute)
    MemberTag.objects.all().delete()
    after_midnight = now.replace(hour=17, minute=1) - timedelta(days=1)

    run(recent, after_midnight)
    assert tagged() == {"MAI"}

    run(recent, after_midnight + timedelta(days=1))
    assert tagged() == set()


def test_the_tag_leaves_when_the_window_has_passed(
    recent: Campaign, mai: Member, buy: Buy, now: datetime
) -> None:
    buy(mai)
    assert tagged() == {"MAI"}

    counts = run(recent, now + timedelta(days=46))

    assert tagged() == set()
    assert (counts["untagged"], counts["left"], counts["tagged"]) == (1, 1, 0)


def test_a_second_run_changes_nothing(
    recent: Campaign, mai: Member, binh: Member, buy: Buy, now: datetime
) -> None:
    buy(mai)
    buy(binh, days_ago=100)
    run(recent, now)
    before = list(MemberTag.objects.values())

    counts = run(recent, now)

    assert (counts["tagged"], counts["untagged"]) == (0, 0)
    assert list(MemberTag.objects.values()) == before


def test_x_is_a_setting_of_the_campaign(
    recent: Campaign, mai: Member, buy: Buy, now: datetime
) -> None:
    buy(mai, days_ago=50)
    run(recent, now)
    assert tagged() == set()

    Campaign.objects.filter(pk=recent.pk).update(days=60)
    run(recent, now)

    assert tagged() == {"MAI"}


def test_a_tag_that_someone_else_put_on_stays(
    recent: Campaign, mai: Member, buy: Buy, now: datetime
) -> None:
    buy(mai, days_ago=100)
    tag = Tag.objects.get(code="45")
    MemberTag.objects.create(member=mai, tag=tag, tagged_at=now, source="staff")

    counts = run(recent, now)

    assert tagged() == {"MAI"}
    assert counts["untagged"] == 0


def test_blocked_members_are_nobodys_audience(
    recent: Campaign, mai: Member, buy: Buy, now: datetime
) -> None:
    buy(mai)
    Member.objects.update(state=Member.State.BLOCKED)

    counts = run(recent, now)

    assert tagged() == set()
    assert counts["untagged"] == 1


def test_a_dry_run_counts_the_same_and_writes_nothing(
    recent: Campaign, mai: Member, binh: Member, buy: Buy, now: datetime
) -> None:
    buy(mai, days_ago=10)
    MemberTag.objects.all().delete()
    buy(binh, at=now - timedelta(days=60))
    later = now + timedelta(days=1)
    before = list(MemberTag.objects.values())
    assert len(before) == 1

    dry = run(recent, later, dry_run=True)

    assert list(MemberTag.objects.values()) == before
    assert dry == run(recent, later)
    assert (dry["tagged"], dry["untagged"]) == (1, 1)
