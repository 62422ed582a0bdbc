"""Sentences of the libraries that have no Vietnamese, or no good one.

Nothing imports these modules: they let makemessages collect the texts, so that our
catalogue, which is asked before those of the libraries, can say them in Vietnamese.
"""
