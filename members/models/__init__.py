"""Members, how they are known, and the groups that staff make of them."""

from members.models.people import Consent, Identifier, Member, MemberMerge, MemberTag, Tag
from members.models.segments import (
    ListEntry,
    MemberList,
    Segment,
    SegmentChange,
    SegmentMember,
)

__all__ = [
    "Consent",
    "Identifier",
    "ListEntry",
    "Member",
    "MemberList",
    "MemberMerge",
    "MemberTag",
    "Segment",
    "SegmentChange",
    "SegmentMember",
    "Tag",
]
