"""Every word on the page, in Vietnamese and English."""

from typing import Literal, cast

Language = Literal["vi", "en"]

_TEXTS: dict[str, tuple[str, str]] = {
    "title": ("Điện thoại Zalo mô phỏng", "Simulated Zalo phones"),
    "other_language": ("English", "Tiếng Việt"),
    "night": ("giờ đêm", "night hours"),
    "moved_clock": ("giờ giả lập", "moved clock"),
    "messages": ("tin đã nhận", "messages accepted"),
    "phones": ("người", "people"),
    "search": ("Tìm tên, số điện thoại, UID", "Find a name, phone or UID"),
    "find": ("Tìm", "Find"),
    "clear": ("Xóa tìm kiếm", "Clear search"),
    "open_inbox": ("Mở điện thoại của", "Open the phone of"),
    "not_found": ("Không thấy ai khớp với", "Nobody matches"),
    "newer": ("Mới hơn", "Newer"),
    "older": ("Cũ hơn", "Older"),
    "older_messages": ("Xem tin cũ hơn", "Show older messages"),
    "newest_messages": ("Về tin mới nhất", "Back to the newest"),
    "page": ("Trang", "Page"),
    "back": ("Danh sách", "List"),
    "empty_title": ("Chưa có tin nào được gửi", "No message has been sent yet"),
    "empty_text": (
        "Gửi một tin từ trang quản trị, tin sẽ hiện ở đây như trên điện thoại của khách. "
        "Hoặc gõ một số điện thoại vào ô tìm kiếm để mở sẵn một máy.",
        "Send a message from the console and it appears here as on the customer's phone. "
        "Or type a phone number in the search box to open a phone now.",
    ),
    "no_messages": ("Chưa có tin nào trên máy này.", "No message on this phone yet."),
    "official": ("Official Account", "Official Account"),
    "follow": ("Quan tâm", "Follow"),
    "follows_short": ("Quan tâm", "Following"),
    "following": ("Đang quan tâm", "Following"),
    "unfollow": ("Bỏ quan tâm", "Unfollow"),
    "not_following": ("Chưa quan tâm", "Not following"),
    "received": ("Đã nhận", "Received"),
    "seen": ("Đã xem", "Seen"),
    "pending": ("Đang gửi", "On its way"),
    "undelivered": ("Máy không trực tuyến, tin chưa tới", "Phone offline, not delivered"),
    "sent": ("Đã gửi", "Sent"),
    "unseen": ("tin chưa xem", "not seen yet"),
    "mark_seen": ("Đánh dấu đã xem", "Mark as seen"),
    "write": ("Nhắn cho", "Write to"),
    "send": ("Gửi", "Send"),
    "today": ("Hôm nay", "Today"),
    "yesterday": ("Hôm qua", "Yesterday"),
    "person": ("Người nhận", "Recipient"),
    "phone": ("Số điện thoại", "Phone"),
    "uid": ("UID Zalo", "Zalo UID"),
    "unknown": ("chưa biết", "unknown"),
    "official_account": ("Với OA", "With the OA"),
    "state": ("Tình trạng", "State"),
    "apply": ("Áp dụng", "Apply"),
    "last_message": ("Tin mới nhất", "Latest message"),
    "channel": ("Kênh", "Channel"),
    "channel_phone": ("Theo số điện thoại (ZNS)", "By phone (ZNS)"),
    "channel_hash": ("Theo số đã băm (ZNS)", "By hashed phone (ZNS)"),
    "channel_uid": ("Theo UID", "By UID"),
    "channel_cs": ("Tin tư vấn", "Consultation"),
    "channel_sms": ("SMS", "SMS"),
    "channel_reply": ("Khách nhắn tới OA", "Customer to the OA"),
    "template": ("Mẫu tin", "Template"),
    "message_id": ("Mã tin", "Message id"),
    "tracking_id": ("Mã theo dõi", "Tracking id"),
    "price": ("Giá", "Price"),
    "outcome": ("Kết quả", "Outcome"),
    "struck": ("Lỗi khi trả lời", "Fault in the reply"),
    "faults": ("Lỗi giả lập", "Faults"),
    "faults_none": ("Không có lỗi nào đang bật.", "No fault is switched on."),
    "fault_kind": ("Loại lỗi", "Fault"),
    "fault_code": ("Mã lỗi", "Error code"),
    "fault_share": ("Tỷ lệ %", "Percent"),
    "fault_next": ("Hoặc số lần", "Or next N"),
    "fault_to": ("Với ai", "For whom"),
    "everyone": ("Tất cả mọi người", "Everyone"),
    "only": ("Chỉ", "Only"),
    "switch_on": ("Bật lỗi này", "Switch on"),
    "switch_off": ("Tắt", "Off"),
    "always": ("luôn luôn", "always"),
    "left": ("lần còn lại", "left"),
    "hits": ("lần đã xảy ra", "so far"),
    "webhooks": ("Webhook gửi về", "Webhooks out"),
    "webhook_none": (
        "Chưa có địa chỉ nhận, nên không gửi gì.",
        "No address is set, so nothing is sent.",
    ),
    "waiting": ("đang chờ gửi", "waiting"),
    "duplicates": ("Gửi lặp mỗi sự kiện", "Send each event twice"),
    "out_of_order": ("Gửi sai thứ tự", "Send out of order"),
    "clock": ("Đồng hồ", "Clock"),
    "clock_set": ("Đặt giờ", "Set"),
    "clock_now": ("Về giờ thật", "Back to real time"),
    "night_checked": (
        "Tin ưu đãi bị từ chối từ 22:00 đến 06:00.",
        "Promotions are refused from 22:00 to 06:00.",
    ),
    "night_ignored": ("Không kiểm tra giờ đêm.", "Night hours are not checked."),
    "kind_error": ("Trả mã lỗi", "Error code"),
    "kind_http_500": ("Máy chủ lỗi (HTTP 500)", "Server error (HTTP 500)"),
    "kind_timeout": (
        "Nhận tin rồi không trả lời (30 giây)",
        "Accepted, then no answer (30 s)",
    ),
    "kind_slow": ("Trả lời chậm (2 giây)", "Slow answer (2 s)"),
    "kind_reset": ("Đứt kết nối", "Connection reset"),
    "kind_html": ("Trả về trang HTML", "HTML instead of JSON"),
    "state_": ("Bình thường", "Normal"),
    "state_no_zalo": ("Không có Zalo", "No Zalo account"),
    "state_refused_kind": ("Từ chối loại tin này", "Refuses this kind of message"),
    "state_refused_oa": ("Từ chối tin của OA", "Refuses the OA's messages"),
    "state_inactive": ("Lâu không dùng Zalo", "Inactive"),
    "state_outdated_app": ("Phiên bản Zalo cũ", "Outdated Zalo version"),
    "state_not_eligible": ("Không đủ điều kiện nhận", "Not eligible"),
    "state_quota_used_up": ("Đã nhận đủ tin ưu đãi", "Promotion quota used up"),
    "state_unfollowed": ("Đã bỏ quan tâm", "Unfollowed"),
    "state_offline": ("Máy không trực tuyến", "Phone offline"),
}


class Texts:
    """Look a text up in one language: `texts("send")`."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._index = 0 if language == "vi" else 1

    def __call__(self, name: str) -> str:
        return _TEXTS[name][self._index]

    @property
    def other_language(self) -> Language:
        return "en" if self.language == "vi" else "vi"

    def count(self, value: int) -> str:
        return f"{value:,}".replace(",", "." if self.language == "vi" else ",")


def language_of(value: str) -> Language:
    return cast(Language, value) if value in ("vi", "en") else "vi"
