"""What a text must be before it is stored: composed, visible, and free of characters that hide or reorder others."""

import unicodedata

# Drawn as nothing although Unicode calls them letters, marks or symbols: a name made of them would look empty.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
# Cc controls, Cf bidi overrides and zero-width, Cs lone surrogates, Co and Cn without a meaning, Zl and Zp line ends.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


class Malformed(ValueError):
    """A text that is not what its field holds: a code for machines and one sentence in each language for people."""

    def __init__(self, code: str, zh: str, en: str) -> None:
        super().__init__(f"{zh} / {en}")
        self.code = code
        self.zh = zh
        self.en = en


def clean_text(text: str, *, at_most: int, several_lines: bool = False) -> str:
    """A name or a free text as it is stored: NFC, without outer spaces, between 1 and `at_most` characters.

    Raises Malformed with `text-empty`, `text-too-long`, or `text-forbidden-character` for control characters, bidi
    overrides, zero-width characters and lone surrogates. A new line is kept only where several lines are allowed.
    """
    # Measured before it is composed: normalising a text of any length is work that a sender could ask for.
    if len(text) > 4 * at_most + 64:
        raise _too_long(at_most)
    if several_lines:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    composed = unicodedata.normalize("NFC", text.strip())

    if len(composed) > at_most:
        raise _too_long(at_most)
    # Nearly every text is printable as a whole, and asking that once costs a tenth of asking each character.
    if not (composed.isprintable() and _BLANK.isdisjoint(composed)):
        _refuse_hidden(composed.replace("\n", "") if several_lines else composed)
    if not any(character.isalnum() for character in composed):
        raise Malformed("text-empty", "不能为空，须含文字或数字", "must not be empty: at least one letter or digit")
    return composed


def folded(text: str) -> str:
    """A machine code as typed, scanned or pasted, in its plainest form: NFKC without spaces or invisible characters."""
    plain = unicodedata.normalize("NFKC", text).replace(" ", "")
    if plain.isprintable():
        return plain
    return "".join(
        character for character in plain if unicodedata.category(character) not in {"Cc", "Cf", "Zs", "Zl", "Zp"}
    )


def _refuse_hidden(text: str) -> None:
    for character in text:
        if unicodedata.category(character) in _REFUSED_CATEGORIES or character in _BLANK:
            point = f"U+{ord(character):04X}"
            raise Malformed(
                "text-forbidden-character",
                f"含有不允许的不可见字符或控制字符 {point}",
                f"contains the invisible or control character {point}, which is not allowed",
            )


def _too_long(at_most: int) -> Malformed:
    return Malformed("text-too-long", f"最多 {at_most} 个字符", f"at most {at_most} characters")
