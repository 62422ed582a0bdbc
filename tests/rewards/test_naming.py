"""Vouchers speak of products by name, and by SKU where no name is known."""

from __future__ import annotations

import pytest
from pytest_django import DjangoAssertNumQueries

from activities.models import Product
from rewards.discounts.terms import Terms
from rewards.naming import describe_named

pytestmark = pytest.mark.django_db

FREE = {"kind": "free_product", "products": {"skus": ["CF01", "CF09"]}}


def test_known_products_have_their_names() -> None:
    Product.objects.create(sku="CF01", name="Iced coffee")
    said = describe_named(Terms.from_json(FREE), currency="VND")
    assert "Iced coffee" in said
    assert "CF09" in said
    assert "CF01" not in said


def test_terms_without_products_ask_nothing(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    terms = Terms.from_json({"kind": "percent", "percent": "20"})
    with django_assert_num_queries(0):
        assert "20%" in describe_named(terms, currency="VND")
