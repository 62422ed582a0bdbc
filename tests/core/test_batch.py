"""Rows that go into a statement come out of it unchanged, on either database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from django.db import DataError, transaction
from django.utils.translation import gettext_lazy
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core.batch import (
    Column,
    chunks,
    execute,
    fetch_all,
    insert_new,
    insert_rows,
    rows_source,
)
from members.models import Tag

COLUMNS = (
    Column("number", "bigint"),
    Column("words", "text"),
    Column("money", "numeric"),
    Column("day", "date"),
    Column("moment", "timestamptz"),
    Column("flag", "boolean"),
)
TAG_COLUMNS = (
    Column("code", "text"),
    Column("name", "text"),
    Column("description", "text"),
)
ODD_TEXTS = (
    "",
    " ",
    "NULL",
    "null",
    "{}",
    "{a,b}",
    "a,b",
    '"quoted"',
    "it's",
    "back\\slash",
    '\\"',
    "\\",
    "\\u0000",
    "%s %(x)s %%",
    "line\nbreak\r\n\ttab",
    "Nguyễn Thị Mai",
    "🎁☕ e\u0301",
    "\x01\x7f\u2028\ufeff",
    "true",
    "12",
    "[1]",
)

texts = st.one_of(
    st.sampled_from(ODD_TEXTS),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
)
# Every offset in use, and those of old local times that had seconds.
zones = st.integers(-14 * 3600, 14 * 3600).map(lambda s: timezone(timedelta(seconds=s)))
moments = st.datetimes(datetime(1900, 1, 1), datetime(9000, 1, 1), timezones=zones)  # noqa: DTZ001
rows = st.tuples(
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | texts,
    st.none() | st.decimals(-(10**13), 10**13, places=2),
    st.none() | st.dates(),
    st.none() | moments,
    st.none() | st.booleans(),
)
quick = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def select_all(told: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    source, parameters = rows_source(COLUMNS, told)
    return fetch_all(f"SELECT r.* FROM {source}", parameters)


def as_python(row: Sequence[Any]) -> tuple[Any, ...]:
    """Read a row as its columns mean it; SQLite hands out text and whole numbers."""
    number, words, money, day, moment, flag = row
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    return (
        number,
        words,
        None if money is None else Decimal(money),
        date.fromisoformat(day) if isinstance(day, str) else day,
        moment,
        None if flag is None else bool(flag),
    )


@quick
@given(st.lists(rows, max_size=12))
@example([(None,) * 6])
@example([(1, text, None, None, None, None) for text in ODD_TEXTS])
def test_a_row_source_yields_its_rows_in_order(
    db: None, told: list[tuple[Any, ...]]
) -> None:
    assert [as_python(row) for row in select_all(told)] == told


@quick
@given(st.lists(st.tuples(texts, texts, texts), unique_by=lambda row: row[0]))
def test_what_is_inserted_is_what_models_read(
    db: None, told: list[tuple[str, str, str]]
) -> None:
    cut = {code[:40]: (code[:40], name[:60], text[:200]) for code, name, text in told}
    with transaction.atomic():
        made = insert_new(
            "members_tag",
            TAG_COLUMNS,
            list(cut.values()),
            conflict="code",
            returning="code",
        )
        read = Tag.objects.values_list("code", "name", "description")
        found = {row[0]: row for row in read}
        transaction.set_rollback(True)

    assert {code for (code,) in made} == cut.keys()
    assert found == cut


@pytest.mark.django_db
def test_passes_over_what_exists() -> None:
    Tag.objects.create(code="b", name="before")

    made = insert_new(
        "members_tag",
        TAG_COLUMNS,
        [("a", "new", ""), ("b", "new", ""), ("c", "new", "")],
        conflict="code",
        returning="code",
    )

    assert sorted(made) == [("a",), ("c",)]
    assert dict(Tag.objects.values_list("code", "name")) == {
        "a": "new",
        "b": "before",
        "c": "new",
    }


@pytest.mark.django_db
def test_of_two_rows_with_one_key_the_first_goes_in() -> None:
    made = insert_new(
        "members_tag",
        TAG_COLUMNS,
        [("a", "first", ""), ("a", "second", "")],
        conflict="code",
        returning="name",
    )

    assert made == [("first",)]


@pytest.mark.django_db
def test_no_rows_are_no_statement(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        insert_rows("members_tag", TAG_COLUMNS, [])
        made = insert_new("members_tag", TAG_COLUMNS, [], conflict="code", returning="id")

    assert made == []


@pytest.mark.django_db
def test_no_rows_can_be_joined_with() -> None:
    assert select_all([]) == []


@pytest.mark.django_db
def test_many_rows_are_one_statement(django_assert_num_queries: Any) -> None:
    told = [(f"t{number}", f"name {number}", "") for number in range(20_000)]

    with django_assert_num_queries(1):
        insert_rows("members_tag", TAG_COLUMNS, told)

    assert Tag.objects.count() == 20_000


@pytest.mark.django_db
def test_says_how_many_rows_it_touched() -> None:
    insert_rows("members_tag", TAG_COLUMNS, [("a", "x", ""), ("b", "x", "")])

    assert execute("UPDATE members_tag SET name = %s", ["y"]) == 2
    assert execute("UPDATE members_tag SET name = %s WHERE code = %s", ["z", "c"]) == 0


@pytest.mark.django_db
def test_refuses_text_with_a_nul() -> None:
    with pytest.raises((DataError, ValueError)), transaction.atomic():
        insert_rows("members_tag", TAG_COLUMNS, [("a", "be\0fore", "")])

    assert not Tag.objects.exists()


@pytest.mark.django_db
def test_refuses_half_a_character() -> None:
    """A row that cannot be read again would break every page that lists it."""
    with pytest.raises(UnicodeEncodeError), transaction.atomic():
        insert_rows("members_tag", TAG_COLUMNS, [("a", "half \ud800", "")])

    assert list(Tag.objects.values_list("code", "name")) == []


@pytest.mark.django_db
def test_refuses_values_that_it_does_not_know() -> None:
    lazy = gettext_lazy("a, b")

    with pytest.raises(TypeError), transaction.atomic():
        insert_rows("members_tag", TAG_COLUMNS, [("a", lazy, "")])

    assert not Tag.objects.exists()


def test_cuts_into_chunks() -> None:
    assert list(chunks(range(5), 2)) == [[0, 1], [2, 3], [4]]
    assert list(chunks([], 2)) == []


@pytest.mark.django_db
def test_a_prepared_statement_reads_each_call_anew() -> None:
    """Past the fifth call PostgreSQL keeps the plan, for one row and for a thousand."""
    columns = [Column("number", "bigint")]
    for size in (1, 2, 1000, 1, 1, 1, 3, 1000, 0, 1):
        source, parameters = rows_source(columns, [[n] for n in range(size)])
        sql = f"SELECT COUNT(*), COALESCE(SUM(r.number), 0) FROM {source}"
        rows = fetch_all(sql, parameters, prepare=True)
        assert [tuple(map(int, row)) for row in rows] == [(size, sum(range(size)))]
