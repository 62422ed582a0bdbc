"""The sentence of a voucher with the names of products: nobody reads SKUs on a voucher."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from activities.models import Product
from rewards.discounts.sentence import describe
from rewards.discounts.terms import Products, Terms


def describe_named(terms: Terms, *, currency: str) -> str:
    """Say what a voucher does, its products by name where the catalogue knows them.

    One query where the terms choose by SKU.
    """
    skus = terms.products.skus | terms.excluded.skus | terms.given_products.skus
    if skus:
        names = dict(Product.objects.filter(sku__in=skus).values_list("sku", "name"))
        terms = replace(
            terms,
            products=_named(terms.products, names),
            excluded=_named(terms.excluded, names),
            given_products=_named(terms.given_products, names),
        )
    return describe(terms, currency=currency)


def _named(products: Products, names: Mapping[str, str]) -> Products:
    return replace(products, skus=frozenset(names.get(sku, sku) for sku in products.skus))
