"""Why something is not done: one class per reason; a person reads the docstring, or `title` in Chinese."""

import re
from typing import ClassVar


class Refusal(Exception):
    """The request breaks a rule."""

    title: ClassVar[str] = "请求违反规则"
    rule: ClassVar[str | None] = None

    def __init__(self, **facts: object) -> None:
        super().__init__(self.code)
        self.facts = facts

    @property
    def code(self) -> str:
        """The class's name as clients read it: lower-case with hyphens."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", type(self).__name__).lower()

    @property
    def title_en(self) -> str:
        """The class's sentence."""
        return (type(self).__doc__ or "").split("\n\n")[0].replace("\n", " ").strip()


class NotSignedIn(Refusal):
    """Sign in first: the token is missing, expired or revoked."""

    title = "请先登录：令牌缺失、过期或已吊销"


class SignInFailed(Refusal):
    """The username, the password or the refresh token is not right, or the person is disabled."""

    title = "用户名、密码或刷新令牌不正确，或该账号已停用"

    def __init__(self) -> None:
        super().__init__(error="invalid_grant")  # what OAuth 2.0 clients read (RFC 6749 §5.2)


class NotFound(Refusal):
    """There is nothing here that you may see."""

    title = "此处没有您可以查看的内容"


class MethodNotAllowed(Refusal):
    """This address does not take that method; the header `Allow` names those that it takes."""

    title = "该地址不支持此请求方法；可用的方法见 Allow 响应头"


class NotAllowed(Refusal):
    """You may see this but not do that; ask the office or firm that may."""

    title = "您可以查看，但无权执行此操作；请联系有权的主管部门或企业"


class FormOutdated(Refusal):
    """This form is out of date; load the page again and send it once more."""

    title = "表单已过期；请重新打开页面后再提交"


class MalformedBody(Refusal):
    """The request's body is not of the form that this address takes; `errors` says where."""

    title = "请求内容格式不正确；errors 列出了具体位置"


class MomentToCome(MalformedBody):
    """`as_of` lies in the future: what will be known then is not known yet; leave it out, and the answer is that of now."""

    title = "as_of 晚于当前时间，届时情况尚不可知；不填 as_of 即为当前情况"


class TooLarge(Refusal):
    """The body is larger than this address takes; send it in parts."""

    title = "请求内容过大；请分批发送"


class TooManyAttempts(Refusal):
    """Too many failed sign-ins; wait and try again."""

    title = "登录失败次数过多；请稍后再试"


class Unexpected(Refusal):
    """Something went wrong on our side; tell us the request_id."""

    title = "服务内部出错；请将 request_id 告知我们"


class Busy(Refusal):
    """The service is busy; send the same request again after the time given in Retry-After."""

    title = "服务繁忙；请在 Retry-After 所示时间后重发同一请求"


class IdempotencyKeyReused(Refusal):
    """This Idempotency-Key was used with another body; use a new key for a new request."""

    title = "该 Idempotency-Key 已用于另一内容；新请求请使用新的键"


class IdempotencyKeyRunning(Refusal):
    """A request with this Idempotency-Key is still running; send it again after the time given in Retry-After."""

    title = "使用该 Idempotency-Key 的请求仍在处理；请在 Retry-After 所示时间后重发"


class VersionRequired(Refusal):
    """Say which version you are editing: send the entry's ETag as If-Match."""

    title = "请注明所修改的版本：将条目的 ETag 作为 If-Match 发送"


class VersionOutdated(Refusal):
    """Somebody edited this entry since you read it; read it again and repeat your edit."""

    title = "您读取之后该条目已被修改；请重新读取后再修改"


class UsernameTaken(Refusal):
    """Somebody has this username already; choose another."""

    title = "该用户名已被使用；请另选一个"


class PasswordWrong(Refusal):
    """The present password is not right; nothing was changed."""

    title = "当前密码不正确；未作任何更改"


class OutsideYourArea(Refusal):
    """An office creates people of its own level and below, in its own area."""

    title = "主管部门只能在本辖区内创建本级及以下人员"


class RoleDoesNotFitPlace(Refusal):
    """A province, city or county officer belongs to a place of that level, an auditor to the province."""

    title = "省、市、县人员须属于相应级别的行政区划，审计人员属于省级"


class LastProvinceOfficer(Refusal):
    """The last enabled province officer cannot be disabled; create another one first."""

    title = "最后一名在用的省级人员不能停用；请先创建另一名"
