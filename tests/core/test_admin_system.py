"""Schedules in words, and a staff member who is locked out."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from core.admin.schedules import describe_times
from core.models import JobRun, Programme
from tests.console import form_data

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("crontab", "words"),
    [
        ({"minute": "30", "hour": "2"}, "every day at 02:30"),
        ({"minute": "*/10", "hour": "*"}, "every 10 minutes"),
        ({"minute": "5", "hour": "*"}, "every hour, at minute 5"),
        ({"minute": "0", "hour": "9", "day_of_week": "1"}, "0 9 * * 1"),
        ({"minute": "0,30", "hour": "8-20"}, "0,30 8-20 * * *"),
    ],
)
def test_says_a_crontab_in_words(crontab: dict[str, str], words: str) -> None:
    task = PeriodicTask(crontab=CrontabSchedule(**crontab))
    with translation.override("en"):
        assert describe_times(task) == words


def test_says_an_interval_in_words() -> None:
    task = PeriodicTask(interval=IntervalSchedule(every=30, period="seconds"))
    with translation.override("en"):
        assert describe_times(task) == "every 30 seconds"


def test_staff_edit_a_schedule(console: Client) -> None:
    crontab = CrontabSchedule.objects.create(minute="0", hour="3")
    task = PeriodicTask.objects.create(
        name="Ngày mới", task="flows.tasks.run_day", crontab=crontab
    )
    address = reverse("admin:django_celery_beat_periodictask_change", args=[task.pk])
    data = form_data(console.get(address))
    other = CrontabSchedule.objects.create(minute="15", hour="4")
    response = console.post(address, {**data, "crontab": other.pk})
    assert response.status_code == 302, response.context["errors"]
    task.refresh_from_db()
    assert (task.crontab, task.task) == (other, "flows.tasks.run_day")


def test_five_wrong_passwords_lock_the_name_with_our_page(client: Client) -> None:
    address = reverse("admin:login")
    for _number in range(5):
        response = client.post(address, {"username": "mai", "password": "wrong"})
    assert response.status_code == 429
    assert "Sai mật khẩu quá nhiều lần" in response.content.decode()


def test_the_programme_is_edited_in_place(console: Client) -> None:
    Programme(name="Cà phê Sông").save()
    address = reverse("admin:core_programme_change", args=[1])
    data = form_data(console.get(address))
    assert console.post(address, {**data, "brand_color": "red"}).status_code == 200
    assert console.post(address, {**data, "name": "Sông"}).status_code == 302
    assert Programme.objects.get().name == "Sông"


def test_a_job_run_can_only_be_read(console: Client, now) -> None:
    run = JobRun.objects.create(job="day", period="x", leased_until=now, started_at=now)
    address = reverse("admin:core_jobrun_change", args=[run.pk])
    assert console.get(address).status_code == 200
    assert console.post(address, {"job": "other"}).status_code == 403
