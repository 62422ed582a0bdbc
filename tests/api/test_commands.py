from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from activities.models import Store
from api.models import ApiRequest, TillKey
from api.tasks import delete_old_answers
from members.models import Member
from tests.api.conftest import MEMBERS, Till

pytestmark = pytest.mark.django_db


def test_create_till_key_prints_a_key_that_works(
    mai: Member, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store.objects.create(code="Q1", name="Quận 1")

    call_command("create_till_key", "Till 1", "--source", "pos", "--store", "Q1")

    till_key = TillKey.objects.get()
    assert (till_key.name, till_key.source, till_key.store) == ("Till 1", "pos", store)
    text = capsys.readouterr().out.strip()
    assert Till(till_key, text).get(f"{MEMBERS}MAI/").status_code == 200


def test_create_till_key_names_an_unknown_store() -> None:
    with pytest.raises(CommandError, match="Q9"):
        call_command("create_till_key", "Till 1", "--store", "Q9")

    assert not TillKey.objects.exists()


@pytest.mark.parametrize("by_task", [True, False])
def test_old_answers_go_and_young_ones_stay(
    till: Till, mai: Member, by_task: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    till.order(key="old")
    till.order(key="young")
    ApiRequest.objects.filter(key="old").update(
        created_at=timezone.now() - timedelta(days=31)
    )

    if by_task:
        delete_old_answers()
    else:
        call_command("delete_old_answers")
        assert capsys.readouterr().out == "Done! Deleted 1 old answers.\n"

    assert [answer.key for answer in ApiRequest.objects.all()] == ["young"]
