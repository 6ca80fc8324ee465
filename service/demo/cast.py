"""Who plays in the sample province: real places, invented firms; licensed scales like the one that was announced in public."""

from dataclasses import dataclass

from stdnum.cn import uscc

HAICHENG = "210381"
XIUYAN = "210323"
ANSHAN = "210300"
LIAONING = "210000"
DASHIQIAO = "210882"

TONNE = 1_000


@dataclass(frozen=True, slots=True)
class Firm:
    """An enterprise; `scale_kg` is the yearly tonnage on its mine's licence, for those that have a mine."""

    name: str
    jurisdiction: str
    kinds: tuple[str, ...]
    credit_code: str
    mine: str | None = None
    scale_kg: int = 0
    method: str = "open"

    @property
    def has_mine(self) -> bool:
        """Whether the firm mines."""
        return self.mine is not None


# Place, licensed scale in thousands of tonnes; the first scale is the announced one.
_HAICHENG_MINES = (
    ("青榆岭", 2110), ("白鹿沟", 1500), ("松风岭", 1200), ("红柳河", 1000), ("石燕山", 950), ("望月坡", 900),
    ("杏花峪", 800), ("银杏沟", 800), ("翠屏山", 700), ("雁鸣岭", 600), ("清泉堡", 600), ("蒲草河", 500),
    ("三棵榆", 500), ("鹿鸣山", 450), ("枫叶岭", 400), ("金沙坎", 250), ("黑松坡", 200),
)  # fmt: skip
_XIUYAN_MINES = (("云台坎", 900), ("玉溪寨", 600), ("北斗峰", 500), ("乌石坨", 400), ("龙吟沟", 300), ("朝霞岭", 300))

_PLANTS = (
    ("海城辰光镁业有限公司", HAICHENG), ("海城北辰耐火材料有限公司", HAICHENG), ("海城瑞麟镁砂有限公司", HAICHENG),
    ("海城同泽高纯镁有限公司", HAICHENG), ("海城凌云电熔镁有限公司", HAICHENG), ("海城沐阳镁建材有限公司", HAICHENG),
    ("岫岩玉泽镁制品有限公司", XIUYAN), ("岫岩长河耐火有限公司", XIUYAN), ("岫岩青禾镁化工有限公司", XIUYAN),
    ("大石桥晨曦镁业有限公司", DASHIQIAO), ("大石桥远航耐火有限公司", DASHIQIAO), ("大石桥星海电熔镁有限公司", DASHIQIAO),
)  # fmt: skip
_TRADERS = (
    ("海城恒远矿产品贸易有限公司", HAICHENG), ("海城广川商贸有限公司", HAICHENG), ("海城嘉禾矿业经销有限公司", HAICHENG),
    ("岫岩通达矿产品贸易有限公司", XIUYAN), ("大石桥汇通商贸有限公司", DASHIQIAO), ("大石桥顺和矿产品有限公司", DASHIQIAO),
)  # fmt: skip

THIRSTY_MINE = "黑松坡"  # ships past its quota and stays overdrawn
COVERED_MINE = "金沙坎"  # ships past its quota; a later tranche covers it
CARELESS_TRADER = "海城恒远矿产品贸易有限公司"  # pledges one lot twice
DEEP_TRADER = "大石桥汇通商贸有限公司"  # buys from other traders only
WITH_OWN_PLANT = frozenset({"青榆岭", "白鹿沟", "云台坎"})  # hand ore over to their own plants by slips

GRADES = ("MgO≥47%", "MgO≥46%", "MgO≥44%", "MgO≥41%")


def firms() -> list[Firm]:
    """The 23 mining firms, 12 plants and 6 traders: 41 firms, each with a weighing station."""
    cast: list[Firm] = []
    for jurisdiction, city, mines in ((HAICHENG, "海城", _HAICHENG_MINES), (XIUYAN, "岫岩", _XIUYAN_MINES)):
        for place, thousands in mines:
            kinds = ("mine", "processor") if place in WITH_OWN_PLANT else ("mine",)
            method = "underground" if place in ("龙吟沟", "朝霞岭") else "open"
            firm = Firm(
                f"{city}{place}菱镁矿业有限公司",
                jurisdiction,
                kinds,
                _credit_code(jurisdiction, len(cast)),
                f"{place}菱镁矿",
                thousands * 1_000 * TONNE,
                method,
            )
            cast.append(firm)
    for kinds, others in ((("processor",), _PLANTS), (("trader",), _TRADERS)):
        cast += [
            Firm(name, jurisdiction, kinds, _credit_code(jurisdiction, len(cast) + number))
            for number, (name, jurisdiction) in enumerate(others)
        ]
    return cast


def _credit_code(jurisdiction: str, number: int) -> str:
    """A code of the right form; the body says that it belongs to nobody."""
    stem = f"91{jurisdiction}MAYANG{number:03d}".replace("I", "J").replace("O", "P")
    return stem + uscc.calc_check_digit(stem + "0")
