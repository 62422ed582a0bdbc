"""The platform's error codes, and which of them each refusal answers on which host."""

from typing import Literal

Host = Literal["business", "oa"]

# business.openapi.zalo.me
BUSINESS_MESSAGES = {
    -32: "Your application reached limit call api",
    -100: "Unknown error, please try again later",
    -106: "Method is unsupported",
    -107: "Message id is invalid",
    -108: "Phone number is invalid",
    -109: "Invalid template id",
    -110: "Zalo version unsupported",
    -111: "Template data is empty",
    -112: "Template data is invalid",
    -1121: "Template data is break max length",
    -1122: "Template data is missing parameter",
    -1124: "Template data has invalid format",
    -114: (
        "User is inactive, or reject the message, or using an outdated Zalo version, "
        "or other internal errors"
    ),
    -115: "Out of quota",
    -117: "OA or App does not have permission to use this template",
    -118: "Zalo account not existed",
    -119: "Account can not receive ZNS",
    -120: "OA or App does not have permission to use this feature",
    -121: "Body is empty",
    -122: "Body is not in JSON format",
    -124: "Access token is invalid",
    -1241: "appsecret_proof is invalid",
    -127: "Test template can only be sent to administrators",
    -131: "ZNS template is not approved",
    -132: "Parameter is invalid",
    -133: "This ZNS template can not be sent at night (22:00 - 06:00)",
    -135: "OA does not have permission to send ZNS",
    -137: "ZBS account charge failed",
    -139: "User refused this type of ZNS",
    -140: "User is not eligible to receive this type of ZNS",
    -141: "User refused to receive ZNS from this OA",
    -144: "OA exceeded daily ZNS limit",
    -1441: "OA exceeded monthly promotion ZNS limit",
    -146: "ZNS template was disabled due to low quality",
    -147: "ZNS template exceeded daily limit",
    -1471: "OA exceeded monthly promotion limit for this user",
    -1472: "OA exceeded daily promotion limit for this user",
    -161: "sending_mode is not allowed",
    -162: "sending_mode 3 is not supported for this template tag",
}

# openapi.zalo.me
OA_MESSAGES = {
    -32: "Your Official Account reached limit call api",
    -200: "Send message failed",
    -201: "user_id is invalid!",
    -204: "Official Account is disable",
    -209: "Not supported this api",
    -210: "Parameter exceeds allowable limit",
    -211: "Out of quota",
    -213: "User has not followed Official Account",
    -216: "Access token is invalid",
    -217: "User has blocked invitation from Official Account",
    -218: "Out of quota receive",
    -220: "access_token is expired or removed",
    -227: "User is banned or has been inactive for more than 45 days",
    -230: "User has not interacted with the OA in the past 7 days",
    -232: "User has not interacted with the OA, or the last interaction is expired",
    -233: "Message type is invalid or not supported",
    -234: "This message type can not be sent from 22:00 to 06:00",
    -240: "MessageV2 API has been shut down, please switch to MessageV3",
    -242: "Invalid appsecret_proof provided in the API argument",
    -244: "User has restricted this message type from your Official Account",
    -249: "Template does not support send via UID",
    -321: "Your ZBS account is out of money",
}

# Template codes come from the business host's table on both hosts.
REFUSALS: dict[str, dict[Host, int]] = {
    "rate_limit": {"business": -32, "oa": -32},
    "token_unknown": {"business": -124, "oa": -216},
    "token_expired": {"business": -124, "oa": -220},
    "proof_wrong": {"business": -1241, "oa": -242},
    "body_empty": {"business": -121, "oa": -201},
    "body_not_json": {"business": -122, "oa": -201},
    "template_unknown": {"business": -109, "oa": -109},
    "template_not_approved": {"business": -131, "oa": -131},
    "template_low_quality": {"business": -146, "oa": -146},
    "template_not_by_uid": {"business": -249, "oa": -249},
    "data_empty": {"business": -111, "oa": -111},
    "data_wrong": {"business": -112, "oa": -112},
    "data_too_long": {"business": -1121, "oa": -1121},
    "data_missing": {"business": -1122, "oa": -1122},
    "data_format": {"business": -1124, "oa": -1124},
    "recipient_malformed": {"business": -108, "oa": -201},
    "parameter_invalid": {"business": -132, "oa": -210},
    "mode_unknown": {"business": -161, "oa": -210},
    "mode_not_for_tag": {"business": -162, "oa": -210},
    "test_only_to_admins": {"business": -127, "oa": -210},
    "night": {"business": -133, "oa": -234},
    "no_money": {"business": -115, "oa": -321},
    "daily_quota": {"business": -144, "oa": -211},
    "user_day_cap": {"business": -1472, "oa": -218},
    "user_month_cap": {"business": -1471, "oa": -218},
    "not_following": {"business": -118, "oa": -213},
    "no_interaction": {"business": -118, "oa": -230},
}

# What a person's state answers; `None` is a state that the channel does not notice.
PERSON_STATES: dict[str, dict[Host, int | None]] = {
    "no_zalo": {"business": -118, "oa": -201},
    "refused_kind": {"business": -139, "oa": -244},
    "refused_oa": {"business": -141, "oa": -244},
    "inactive": {"business": -114, "oa": -227},
    "outdated_app": {"business": -110, "oa": None},
    "not_eligible": {"business": -140, "oa": -232},
    "quota_used_up": {"business": -1472, "oa": -218},
    "unfollowed": {"business": None, "oa": -213},
    # Accepted and paid for, but the phone never comes online: no receipt will ever follow.
    "offline": {"business": None, "oa": None},
}


class Refusal(Exception):
    """An answer with HTTP 200 and a non-zero `error`."""

    def __init__(self, code: int, message: str = "") -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message or message_of(code)


def refuse(name: str, host: Host, message: str = "") -> Refusal:
    return Refusal(REFUSALS[name][host], message)


def message_of(code: int) -> str:
    return BUSINESS_MESSAGES.get(code) or OA_MESSAGES.get(code) or "Error"
