"""Vehicle plates of the PRC: the form in which they are stored and compared, and the seven bytes that hold one."""

import re

from service.domain.codes.texts import Malformed, folded

_PROVINCES = "京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川贵云藏陕甘青宁新"
_LETTER = "A-HJ-NP-Z"
_PLATE = re.compile(
    rf"""[{_PROVINCES}](?:
        [{_LETTER}](?:
            (?=.*\d.*\d)[{_LETTER}0-9]{{5}}          # ordinary, with two digits at least
          | [A-HJK][{_LETTER}0-9][0-9]{{4}}          # new energy, small
          | [0-9]{{5}}[A-HJK]                        # new energy, large
          | [{_LETTER}0-9]{{4}}[挂学警港澳领试超]
          | [0-9]{{4}}应急
        )
      | [0-9]{{2}}[{_LETTER}0-9][0-9]{{4}}           # tractors
    )""",
    re.VERBOSE,
)
_SEPARATORS = str.maketrans("", "", "·•・‧∙⋅●.。-—_")

# Printed codes depend on the order: append only, 128 at most. The first is the padding.
_PACKED = " 0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ" + _PROVINCES + "挂学警港澳领试超应急"
_PACKED_LENGTH = 8
_PACKED_BITS = 7


def plate_as_seen(text: str) -> str:
    """A plate as a scale, a camera or a hand reported it, in the form in which plates are compared.

    Nothing is refused here: what stood on the scale is a fact (W06), also under a plate that no rule knows.
    """
    return folded(text).upper().translate(_SEPARATORS)


def normalise_plate(text: str) -> str:
    """The plate of a vehicle that a ticket may name: ordinary, new energy, trailer and other suffixes, tractor.

    Raises Malformed with `plate-malformed`.
    """
    plate = plate_as_seen(text) if len(text) <= 64 else ""
    if not _PLATE.fullmatch(plate):
        raise Malformed(
            "plate-malformed",
            "不是有效的车牌号，例如 辽C12345、辽CD12345、辽C1234挂；序号中没有字母 I 和 O",
            "not a vehicle plate such as 辽C12345, 辽CD12345 or 辽C1234挂; I and O do not occur in its serial",
        )
    return plate


def pack_plate(plate: str) -> bytes:
    """A normalised plate in seven bytes, seven bits a character."""
    packed = 0
    for character in plate.ljust(_PACKED_LENGTH):
        packed = packed << _PACKED_BITS | _PACKED.index(character)
    return packed.to_bytes(_PACKED_LENGTH * _PACKED_BITS // 8)


def unpack_plate(packed: bytes) -> str:
    """The plate that seven bytes hold; raises Malformed where they hold none."""
    bits = int.from_bytes(packed)
    indexes = [bits >> _PACKED_BITS * place & 0x7F for place in reversed(range(_PACKED_LENGTH))]
    return normalise_plate("".join(_PACKED[index] if index < len(_PACKED) else "?" for index in indexes))
