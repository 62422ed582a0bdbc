"""Console pages for members, tags and segments."""

from members.admin import member, member_list, segment, tag
from members.admin.search import find_for_command, member_ids_for_search

__all__ = [
    "find_for_command",
    "member",
    "member_ids_for_search",
    "member_list",
    "segment",
    "tag",
]
