"""What the demo is made of: names of people, shops, and what they sell."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

# Family names with how many of a hundred people bear them, roughly.
FAMILY_NAMES = {
    "Nguyễn": 36,
    "Trần": 11,
    "Lê": 9,
    "Phạm": 7,
    "Huỳnh": 5,
    "Hoàng": 4,
    "Phan": 4,
    "Vũ": 4,
    "Võ": 4,
    "Đặng": 3,
    "Bùi": 3,
    "Đỗ": 3,
    "Hồ": 2,
    "Ngô": 2,
    "Dương": 2,
    "Lý": 1,
}
WOMEN_MIDDLE = (
    *("Thị", "Thị", "Ngọc", "Thu", "Thanh", "Kim", "Mỹ", "Bảo", "Phương", "Khánh"),
    *("Minh", "Hoàng", "Thuỳ", "Diễm", "Hồng", "Tường"),
)
WOMEN = (
    *("An", "Anh", "Châu", "Chi", "Diệp", "Dung", "Duyên", "Giang", "Hà", "Hân"),
    *("Hạnh", "Hiền", "Hoa", "Hương", "Huyền", "Khanh", "Lan", "Linh", "Loan", "Ly"),
    *("Mai", "My", "Nga", "Ngân", "Nhi", "Nhung", "Oanh", "Phúc", "Quyên", "Quỳnh"),
    *("Tâm", "Thảo", "Thơ", "Thư", "Thuý", "Tiên", "Trâm", "Trang", "Trinh", "Tú"),
    *("Tuyết", "Uyên", "Vân", "Vy", "Xuân", "Yến"),
)
MEN_MIDDLE = (
    *("Văn", "Văn", "Minh", "Đức", "Hữu", "Quang", "Gia", "Anh", "Quốc", "Thành"),
    *("Hoàng", "Tuấn", "Công", "Đình", "Xuân", "Trọng"),
)
MEN = (
    *("An", "Bảo", "Bình", "Công", "Cường", "Dũng", "Duy", "Đạt", "Đức", "Hải"),
    *("Hào", "Hiếu", "Hoà", "Hùng", "Huy", "Khải", "Khang", "Khoa", "Kiên", "Lâm"),
    *("Long", "Lộc", "Minh", "Nam", "Nghĩa", "Nhân", "Phát", "Phong", "Phú", "Phúc"),
    *("Quân", "Quý", "Sơn", "Tài", "Tân", "Thái", "Thắng", "Thịnh", "Tiến", "Toàn"),
    *("Trí", "Trung", "Tùng", "Việt", "Vinh", "Vũ"),
)

# The first digits of the networks' mobile numbers; the rest of each number is made up.
MOBILE_PREFIXES = (
    *("032", "033", "034", "035", "036", "037", "038", "039", "070", "076", "077"),
    *("078", "079", "081", "082", "083", "084", "085", "086", "088", "090"),
    *("091", "093", "094", "096", "097", "098"),
)


class Shop(NamedTuple):
    code: str
    name: str
    address: str
    province: str
    weight: int


HO_CHI_MINH, HANOI, DA_NANG = "TP. Hồ Chí Minh", "Hà Nội", "Đà Nẵng"

SHOPS = (
    Shop("nguyen-hue", "Mộc Nguyễn Huệ", "68 Nguyễn Huệ, Quận 1", HO_CHI_MINH, 22),
    Shop("vo-van-tan", "Mộc Võ Văn Tần", "122 Võ Văn Tần, Quận 3", HO_CHI_MINH, 18),
    Shop(
        "phan-xich-long",
        "Mộc Phan Xích Long",
        "210 Phan Xích Long, Phú Nhuận",
        HO_CHI_MINH,
        14,
    ),
    Shop("thao-dien", "Mộc Thảo Điền", "35 Thảo Điền, TP. Thủ Đức", HO_CHI_MINH, 10),
    Shop("trang-tien", "Mộc Tràng Tiền", "24 Tràng Tiền, Hoàn Kiếm", HANOI, 14),
    Shop("tran-duy-hung", "Mộc Trần Duy Hưng", "88 Trần Duy Hưng, Cầu Giấy", HANOI, 10),
    Shop("bach-dang", "Mộc Bạch Đằng", "56 Bạch Đằng, Hải Châu", DA_NANG, 12),
)
# Some members live in the province next door.
NEIGHBOURS = {
    HO_CHI_MINH: ("Bình Dương", "Đồng Nai", "Long An"),
    HANOI: ("Bắc Ninh", "Hưng Yên"),
    DA_NANG: ("Quảng Nam", "Huế"),
}


class Item(NamedTuple):
    sku: str
    product: str
    category: str
    price: Decimal
    weight: int


COFFEE, TEA, ICE, CAKE, HOME = (
    "Cà phê",
    "Trà",
    "Đá xay",
    "Bánh",
    "Mang về nhà",
)

DRINKS = (
    Item("CF01", "Cà phê sữa đá", COFFEE, Decimal(35_000), 24),
    Item("CF02", "Cà phê đen đá", COFFEE, Decimal(29_000), 12),
    Item("CF03", "Bạc xỉu", COFFEE, Decimal(39_000), 16),
    Item("CF04", "Cà phê muối", COFFEE, Decimal(42_000), 10),
    Item("CF05", "Cà phê trứng", COFFEE, Decimal(45_000), 4),
    Item("CF06", "Cold brew cam sả", COFFEE, Decimal(55_000), 6),
    Item("CF07", "Latte", COFFEE, Decimal(55_000), 8),
    Item("TR01", "Trà đào cam sả", TEA, Decimal(49_000), 14),
    Item("TR02", "Trà sen vàng", TEA, Decimal(49_000), 8),
    Item("TR03", "Trà vải lài", TEA, Decimal(47_000), 6),
    Item("DX01", "Đá xay mocha", ICE, Decimal(62_000), 4),
    Item("DX02", "Đá xay trà xanh", ICE, Decimal(62_000), 4),
)
CAKES = (
    Item("BA01", "Bánh mì que", CAKE, Decimal(19_000), 14),
    Item("BA02", "Croissant bơ", CAKE, Decimal(32_000), 8),
    Item("BA03", "Bánh chuối nướng", CAKE, Decimal(29_000), 6),
    Item("BA04", "Tiramisu", CAKE, Decimal(45_000), 6),
    Item("BA05", "Bông lan trứng muối", CAKE, Decimal(39_000), 6),
)
FOR_HOME = (
    Item("HN01", "Hạt rang Cầu Đất 250 g", HOME, Decimal(165_000), 5),
    Item("HN02", "Cà phê phin giấy, hộp 10 gói", HOME, Decimal(119_000), 5),
    Item("HN03", "Bình giữ nhiệt Mộc", HOME, Decimal(289_000), 2),
)

# What members take at the counter: a reward of the catalogue, and its price in points.
TREATS = (
    ("ca-phe-sua-da", 40),
    ("banh-mi-que", 25),
    ("tra-dao", 60),
    ("giam-50", 80),
)
