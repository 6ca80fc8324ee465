"""The unified social credit code 统一社会信用代码, by which an enterprise is known."""

from stdnum.cn import uscc
from stdnum.exceptions import InvalidChecksum, InvalidLength, ValidationError

from service.domain.codes.texts import Malformed, folded


def normalise_credit_code(text: str) -> str:
    """The eighteen characters of a credit code, upper case, however wide or spaced they were typed.

    Raises Malformed with `credit-code-length`, `credit-code-alphabet` or `credit-code-check-digit`.
    """
    try:
        return str(uscc.validate(folded(text) if len(text) <= 64 else ""))
    except InvalidLength as error:
        raise Malformed(
            "credit-code-length", "统一社会信用代码须为 18 位", "a unified social credit code has 18 characters"
        ) from error
    except InvalidChecksum as error:
        raise Malformed(
            "credit-code-check-digit",
            "统一社会信用代码的校验码不符，请核对是否录错",
            "the check digit of the unified social credit code does not fit: please look for a typing error",
        ) from error
    except ValidationError as error:
        raise Malformed(
            "credit-code-alphabet",
            "统一社会信用代码前 8 位为数字，其余不含 I、O、S、V、Z",
            "a unified social credit code begins with 8 digits, and I, O, S, V, Z do not occur in it",
        ) from error
