"""Loads the site, so that the battery's processes can be forked from this one.

Only `tests.battery.forking` names it; importing it is all that it is for.
"""

import gc

import django

from tests.battery import forking  # noqa: F401 - what each of them begins with

django.setup()
# What is loaded stays. No child looks through it for garbage, nor needs a copy of it.
gc.freeze()
