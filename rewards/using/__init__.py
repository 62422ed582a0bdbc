"""Vouchers at the till: asked about, held, used, given back."""
