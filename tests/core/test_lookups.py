"""``__among`` finds what ``__in`` finds, with one parameter."""

import pytest
from django.db import DataError, connection
from django.test.utils import CaptureQueriesContext

from members.models import Identifier, Member
from tests.factories import make_member

pytestmark = pytest.mark.django_db

TEXTS = ['a"b', "c,d", "{e}", "back\\slash", "ở", "'; DROP TABLE x", "NULL", ""]


def test_numbers() -> None:
    members = [make_member(code=f"A{number}") for number in range(5)]
    wanted = [members[3].pk, members[1].pk, members[1].pk, 0]

    for found in (
        Member.objects.filter(pk__among=wanted),
        Member.objects.filter(pk__among=iter(wanted)),
        Member.objects.exclude(pk__among={one.pk for one in members} - set(wanted)),
    ):
        assert set(found) == {members[1], members[3]}


def test_a_foreign_key() -> None:
    mai, binh = make_member(phone="0912345678"), make_member(phone="0912345679")

    found = Identifier.objects.filter(member__among=[binh.pk])

    assert [one.value for one in found] == ["+84912345679"]
    assert Identifier.objects.filter(member__pk__among=[mai.pk, binh.pk]).count() == 2


def test_texts_stay_what_they_are() -> None:
    for number, text in enumerate(TEXTS):
        make_member(code=f"A{number}", name=text)

    assert Member.objects.filter(name__among=TEXTS).count() == len(TEXTS)
    for text in TEXTS:
        assert [one.name for one in Member.objects.filter(name__among=[text])] == [text]


def test_of_nothing_there_is_nothing() -> None:
    make_member()

    with CaptureQueriesContext(connection) as queries:
        assert list(Member.objects.filter(pk__among=[])) == []
    assert len(queries) == 0
    assert Member.objects.exclude(pk__among=[]).count() == 1


def test_it_may_stand_in_an_update() -> None:
    mai, binh = make_member(), make_member()

    assert Member.objects.filter(pk__among=[mai.pk]).update(name="Mai") == 1
    binh.refresh_from_db()
    assert binh.name != "Mai"


def test_the_statement_is_as_long_for_many_as_for_one() -> None:
    lengths = set()
    for wanted in ([1], list(range(100, 1000))):
        sql, parameters = Member.objects.filter(pk__among=wanted).query.sql_with_params()
        lengths.add((len(sql), len(parameters)))
    assert len(lengths) == 1


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite takes it")
def test_what_is_no_text_is_refused() -> None:
    with pytest.raises((DataError, ValueError)):
        list(Member.objects.filter(name__among=["a\0"]))
