"""What the board of a campaign says; its script has no words of its own."""

from __future__ import annotations

from django.utils.translation import gettext as _

from campaigns.models import Campaign


def words() -> dict[str, str]:
    return {**_page(), **_saving(), **_cards(), **_fields()}


def choices() -> dict[str, list[list[object]]]:
    """Return the lists of fixed choices that cards offer."""
    return {
        "unit": [
            ["minutes", _("minutes")],
            ["hours", _("hours")],
            ["days", _("days")],
            ["weeks", _("weeks")],
        ],
        "until": [
            ["time", _("a time of day")],
            ["weekday", _("a day of the week")],
            ["date", _("a date")],
            ["birthday", _("the birthday")],
        ],
        "weekday": [[day.value, str(day.label)] for day in Campaign.Weekday],
        "asks": [
            ["conditions", _("whether conditions hold")],
            ["clicked", _("whether they opened a message's link")],
            ["delivered", _("whether a message was delivered")],
        ],
        "per": [
            ["day", _("every day")],
            ["week", _("every Monday")],
            ["month", _("on the first of the month")],
            ["year", _("on the first of January")],
            ["ever", _("never")],
        ],
    }


def _page() -> dict[str, str]:
    return {
        "board": _("Steps of the campaign"),
        "enters": _("Who enters"),
        "enteredNow": _("{n} have entered by these steps"),
        "change": _("Change it"),
        "ends": _("The end"),
        "throughNow": _("{n} are through"),
        "kept": _("They carry this tag while the conditions hold"),
        "keptAdd": _("Put a tag on while the conditions hold"),
        "keptNone": _("no tag"),
        "empty": _("Nothing happens yet. What comes first?"),
        "back": _("Back to the campaign"),
        "start": _("Back to the campaign to start it"),
        "lookInForce": _("Look at the steps in force"),
        "toDraft": _("Back to the draft"),
        "readOnly": _("You may look at these steps; changing them needs another right."),
        "closed": _("Nobody enters any more, so the steps stay as they are."),
        "never": _("Not started yet: what stands here begins when you start the campaign."),
        "inForce": _("These steps are in force. What you change becomes a draft first."),
        "inForceOnly": _("These steps are in force; a draft waits beside them."),
        "draft": _("Draft – not yet in force"),
        "draftOn": _("Members go by the steps in force until you publish this draft."),
        "publish": _("Publish"),
        "discard": _("Discard the draft"),
        "publishAsk": _("Put this draft in force?"),
        "publishNew": _("Whoever enters from now on goes by these steps."),
        "publishOld": _("{n} on their way keep the steps that they began with."),
        "publishNobody": _("Nobody is on the way now."),
        "publishAgain": _("You can publish other steps at any time."),
        "discardAsk": _("Throw this draft away?"),
        "discardWhat": _("The steps in force stay as they are. This cannot be undone."),
        "cancel": _("Back, change nothing"),
        "published": _("Published: these steps are in force."),
        "discarded": _("The draft is gone; these steps are in force."),
    }


def _saving() -> dict[str, str]:
    return {
        "saved": _("Saved"),
        "saving": _("Saving…"),
        "unsaved": _("Not saved yet"),
        "oneOpen": _("Not saved: one step is not complete yet"),
        "manyOpen": _("Not saved: {n} steps are not complete yet"),
        "oneProblem": _("Not saved: 1 problem"),
        "manyProblems": _("Not saved: {n} problems"),
        "offline": _("Not saved: the server did not answer. What you see is kept here."),
        "signedOut": _("Not saved: sign in again in another tab, then try once more."),
        "again": _("Try again"),
        "reload": _("Open the page again"),
        "undo": _("Undo"),
        "undone": _("Undone"),
        "leave": _("Some changes are not saved yet."),
    }


def _cards() -> dict[str, str]:
    return {
        "add": _("Add a step here"),
        "addFirst": _("Add the first step"),
        "putHere": _("Put it here"),
        "chooseKind": _("What happens here?"),
        "close": _("Close"),
        "done": _("Done"),
        "more": _("More: {what}"),
        "up": _("Move up"),
        "down": _("Move down"),
        "moveTo": _("Move to…"),
        "copyTo": _("Copy to…"),
        "duplicate": _("Duplicate"),
        "delete": _("Delete"),
        "deleted": _("Deleted: {what}"),
        "moved": _("Moved: {what}"),
        "copied": _("Copied: {what}"),
        "wherePut": _("Choose where it goes: {what}"),
        "drag": _("Drag to another place"),
        "here": _("{n} rest here now"),
        "passed": _("{n} have passed"),
        "unreached": _("Nobody comes here: a stop stands above."),
        "emptyLane": _("They go straight on."),
        "way": _("Way {letter}"),
        "lane": _("{what}: {lane}"),
    }


def _fields() -> dict[str, str]:
    return {
        "choose": _("choose…"),
        "template": _("Message"),
        "needTemplate": _("Choose the message that this step sends."),
        "offer": _("Offer"),
        "offerHelp": _("Stands where the template says {{ offer }}."),
        "news": _("News"),
        "newsHelp": _("Stands where the template says {{ news }}."),
        "validDays": _("Offer valid for (days)"),
        "validHelp": _("Counted from the day of the message."),
        "phone": _("What they read, with sample facts"),
        "benefit": _("Benefit"),
        "needBenefit": _("Choose what this step gives."),
        "tag": _("Tag"),
        "needTag": _("Choose the tag."),
        "amount": _("How long"),
        "unit": _("Unit"),
        "until": _("Until"),
        "time": _("Time of day"),
        "weekday": _("Day of the week"),
        "date": _("Date"),
        "daysBefore": _("Days before the birthday"),
        "event": _("What they wait for"),
        "longest": _("At most"),
        "asks": _("What is asked"),
        "which": _("Which message"),
        "noMessage": _("No message is sent before this step."),
        "ofMessage": _("Message: {what}"),
        "shares": _("Share of each way, in percent"),
        "sum": _("Together {n} % of 100 %"),
        "addWay": _("Add a way"),
        "removeWay": _("Remove this way"),
        "even": _("Make them even"),
        "times": _("How many times go the first way"),
        "per": _("The counter starts again"),
        "nothing": _("There is nothing to set."),
    }
