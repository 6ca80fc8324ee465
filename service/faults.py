"""What is wrong with the fields of something sent, said in both languages."""

from collections.abc import Sequence

_TIME = "须为带时区的时间，例如 2026-03-02T08:00:00+08:00"
# The faults that pydantic finds by itself, and tells in English only.
CHINESE = {
    "missing": "缺少此项",
    "extra_forbidden": "没有这一项",
    "enum": "不是允许的值",
    "literal_error": "不是允许的值",
    "bool_type": "须为 true 或 false",
    "bool_parsing": "须为 true 或 false",
    "string_type": "须为文本",
    "string_too_short": "文本过短",
    "string_too_long": "文本过长",
    "string_pattern_mismatch": "文本格式不符",
    "int_type": "须为整数",
    "int_parsing": "须为整数",
    "int_parsing_size": "数字过大",
    "decimal_parsing": "须为数字",
    "decimal_max_places": "小数位数过多",
    "float_parsing": "须为数字",
    "finite_number": "须为有限数字",
    "greater_than": "数值过小",
    "greater_than_equal": "数值过小",
    "less_than": "数值过大",
    "less_than_equal": "数值过大",
    "uuid_type": "须为 UUID",
    "uuid_parsing": "须为 UUID",
    "list_type": "须为列表",
    "too_long": "条目过多",
    "too_short": "条目过少",
    "model_attributes_type": "须为 JSON 对象",
    "model_type": "须为 JSON 对象",
    "dict_type": "须为 JSON 对象",
    "json_invalid": "不是 JSON",
    "datetime_type": _TIME,
    "datetime_parsing": _TIME,
    "datetime_from_date_parsing": _TIME,
    "timezone_aware": _TIME,
}


def pointer(location: Sequence[int | str]) -> str:
    """Where in the body an error lies, as a JSON pointer (RFC 6901); a parameter's name otherwise."""
    parts = location[1:] if location and location[0] in ("body", "query", "path", "header") else location
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def fault(location: Sequence[int | str], code: str, detail: str) -> dict[str, str]:
    """One thing that is wrong with a request; what the fields do not say in both languages themselves is said here."""
    chinese = CHINESE.get(code)
    said = f"{chinese} / {detail}" if chinese else detail
    return {"pointer": pointer(location), "code": code.replace("_", "-"), "detail": said}
