"""Papers beside a filing or an entry: what may be attached, told by its bytes and not by its name."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from service.domain.refusals import MalformedBody, Refusal

MOST_OF_ONE = 50
_PDF_TAIL = 2_048
_JPEG_TAIL = 65_536


class AttachmentNotReadable(MalformedBody):
    """This is no whole PDF, PNG or JPEG, whatever its name says; scan or export the paper anew and send that file."""

    title = "文件内容不是完整的 PDF、PNG 或 JPEG（与文件名无关）；请重新扫描或导出后再上传"


class AttachmentEmpty(MalformedBody):
    """No file was sent; send the file's bytes as the body, or as the form field `file`."""

    title = "没有收到文件；请将文件作为请求内容，或作为表单字段 file 发送"


class TooManyAttachments(Refusal):
    """There are enough papers here already; put several pages into one PDF."""

    title = "附件数量已达上限；请将多页合并为一个 PDF"


class AttachmentKind(StrEnum):
    """What a paper is attached to."""

    CONTRACT = "contract"
    SLIP = "slip"
    PROJECT = "project"
    STOCK = "stock"


class MediaType(StrEnum):
    """What a paper is."""

    PDF = "application/pdf"
    PNG = "image/png"
    JPEG = "image/jpeg"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A paper, known by its hash; `enterprise_id` None: an office has attached it."""

    id: UUID
    kind: AttachmentKind
    subject_id: UUID
    enterprise_id: UUID | None
    name: str
    media_type: MediaType
    size: int
    sha256: bytes
    attached_at: datetime


def media_type_of(content: bytes) -> MediaType:
    """What a file is by its beginning and its end, so that half a file is none; raises AttachmentNotReadable."""
    if not content:
        raise AttachmentEmpty
    if content.startswith(b"%PDF-") and b"startxref" in content and b"%%EOF" in content[-_PDF_TAIL:]:
        return MediaType.PDF
    if content.startswith(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR") and content.rstrip(b"\0").endswith(b"IEND\xae\x42\x60\x82"):
        return MediaType.PNG
    if content.startswith(b"\xff\xd8\xff") and b"\xff\xd9" in content[-_JPEG_TAIL:]:
        return MediaType.JPEG
    raise AttachmentNotReadable(beginning=content[:8].hex())
