"""What members' verbs refuse."""

from core.errors import Conflict, NotFound


class MemberNotFound(NotFound):
    """Nobody in the programme has this code, phone or card."""

    code = "member_not_found"


class PhoneTaken(Conflict):
    """The phone number belongs to another member."""

    code = "phone_taken"


class ZaloUserTaken(Conflict):
    """The Zalo account belongs to another member."""

    code = "zalo_user_taken"


class BusyMembers(Conflict):
    """Others kept changing the same members while we tried to save them."""

    code = "busy_members"
    retry_after = 1


class MergeRefused(Conflict):
    """These two members cannot be merged, or the merge cannot be undone now."""

    code = "merge_refused"
