"""One benefit for many members by hand: asked, approved, handed over, taken back."""

from rewards.handouts.asking import ask_handout, what_it_means
from rewards.handouts.choosing import Chosen, choose_list, choose_segment, choose_tag
from rewards.handouts.running import (
    continue_handout,
    has_handouts,
    run_handout,
    stop_handout,
    take_back_handout,
    work_on_handouts,
)

__all__ = [
    "Chosen",
    "ask_handout",
    "choose_list",
    "choose_segment",
    "choose_tag",
    "continue_handout",
    "has_handouts",
    "run_handout",
    "stop_handout",
    "take_back_handout",
    "what_it_means",
    "work_on_handouts",
]
