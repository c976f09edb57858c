"""The form for a new entry: what was typed, what is wrong with it, and the token that proves it is ours."""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from container.servlet import HttpServletRequest, HttpSession, IllegalStateException
from models import Picture

NAME_LIMIT = 60  # characters
MESSAGE_LIMIT = 1000
TOKEN = "form_token"

# What a file begins with says what it is; its name and the Content-Type of the upload are only claims.
SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


def picture_type(data: bytes) -> str | None:
    """The media type of a picture that browsers can show, or None for anything else."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((media_type for start, media_type in SIGNATURES if data.startswith(start)), None)


@dataclass(frozen=True, slots=True)
class EntryForm:
    """A filled-in form. errors: what to say beside each field that must be changed."""

    name: str = ""
    message: str = ""
    picture: Picture | None = None
    errors: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def check(cls, name: str, message: str, upload: bytes = b"") -> "EntryForm":
        name = " ".join(name.split())
        message = message.replace("\r\n", "\n").strip()
        media_type = picture_type(upload)
        errors = {}
        if not name:
            errors["name"] = "Please tell us your name."
        elif len(name) > NAME_LIMIT:
            errors["name"] = f"Please shorten your name to {NAME_LIMIT} characters."
        if not message:
            errors["message"] = "Please write a few words."
        elif len(message) > MESSAGE_LIMIT:
            errors["message"] = f"Please shorten this to {MESSAGE_LIMIT} characters; it has {len(message)}."
        if upload and not media_type:
            errors["picture"] = "This is not a PNG, JPEG, GIF or WebP picture. Please choose another file."
        return cls(name, message, Picture(media_type, upload) if media_type else None, errors)

    @classmethod
    def read(cls, request: HttpServletRequest) -> "EntryForm":
        try:
            upload = uploaded(request, "picture")
        except (IllegalStateException, OSError):  # over a limit of <multipart-config>, or damaged
            return cls(errors={"picture": "We could not read your form. Is this file larger than 2 MB?"})
        return cls.check(request.getParameter("name") or "", request.getParameter("message") or "", upload)


def uploaded(request: HttpServletRequest, name: str) -> bytes:
    """The bytes of an uploaded file; empty if none was chosen."""
    if not (request.getContentType() or "").lower().startswith("multipart/form-data"):
        return b""
    part = request.getPart(name)
    if part is None:
        return b""
    with part.getInputStream() as stream:
        return stream.read()


def token(session: HttpSession) -> str:
    """The session's secret. Every form carries it: another site does not know it and cannot fake a form."""
    secret = session.getAttribute(TOKEN)
    if secret is None:
        secret = secrets.token_urlsafe()
        session.setAttribute(TOKEN, secret)
    return str(secret)


def is_ours(request: HttpServletRequest) -> bool:
    """Whether the form carries its session's token."""
    session = request.getSession(False)
    expected = session.getAttribute(TOKEN) if session else None
    given = request.getParameter(TOKEN)
    return bool(expected and given and hmac.compare_digest(str(expected).encode(), given.encode()))
