"""Files that are sent as a request's body, or as the field `file` of a form."""

from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import UploadFile

from service.domain.attachments import AttachmentEmpty

FORM = "multipart/form-data"
UPLOADED = {
    "requestBody": {
        "required": True,
        "content": {
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            FORM: {
                "schema": {
                    "type": "object",
                    "properties": {"file": {"type": "string", "format": "binary"}},
                    "required": ["file"],
                }
            },
        },
    }
}


async def read_upload(request: Request) -> tuple[bytes, str]:
    """The file's bytes and the name that its sender gives it, if any; raises AttachmentEmpty where there is no file."""
    if not request.headers.get("content-type", "").startswith(FORM):
        return await request.body(), ""
    async with request.form() as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise AttachmentEmpty
        return await file.read(), file.filename or ""


# A route names it after who sends and before its connection: nobody holds one while a file is on its way.
UploadDep = Annotated[tuple[bytes, str], Depends(read_upload)]
