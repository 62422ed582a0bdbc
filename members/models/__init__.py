"""Members, how they are known, and the groups that staff make of them."""

from members.models.people import Consent, Identifier, Member, MemberMerge, MemberTag, Tag
from members.models.segments import (
    ListEntry,
    ListUpload,
    MemberList,
    Segment,
    SegmentChange,
    SegmentMember,
)

__all__ = [
    "Consent",
    "Identifier",
    "ListEntry",
    "ListUpload",
    "Member",
    "MemberList",
    "MemberMerge",
    "MemberTag",
    "Segment",
    "SegmentChange",
    "SegmentMember",
    "Tag",
]
