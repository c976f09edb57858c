"""Locale: a language tag (BCP 47) with the names of java.util.Locale."""

from __future__ import annotations

import os
import re

__all__ = ["Locale"]

_UNDETERMINED = "und"
_GRANDFATHERED = """
    art-lojban=jbo cel-gaulish=xtg-x-cel-gaulish en-gb-oed=en-GB-x-oed i-ami=ami i-bnn=bnn
    i-default=en-x-i-default i-enochian=und-x-i-enochian i-hak=hak i-klingon=tlh i-lux=lb
    i-mingo=see-x-i-mingo i-navajo=nv i-pwn=pwn i-tao=tao i-tay=tay i-tsu=tsu no-bok=nb no-nyn=nn
    sgn-be-fr=sfb sgn-be-nl=vgt sgn-ch-de=sgg zh-guoyu=cmn zh-hakka=hak zh-min=nan-x-zh-min
    zh-min-nan=nan zh-xiang=hsn
"""
_REPLACED = dict(pair.split("=") for pair in _GRANDFATHERED.split())
"""Tags that were registered before BCP 47 had a grammar, and what java.util.Locale makes of them."""
_RENAMED = {"iw": "he", "in": "id", "ji": "yi"}
_PRIVATE = re.compile(r"x(?:-[a-z0-9]{1,8})+", re.ASCII | re.IGNORECASE)
_TAG = re.compile(
    r"(?:[a-z]{2,3}[-_](?=[a-z]{3}(?![a-z0-9])))?"  # before an extended language, which names it alone
    r"(?P<language>[a-z]{2,8})"
    r"(?:[-_](?P<script>[a-z]{4})(?![a-z0-9]))?"
    r"(?:[-_](?P<country>[a-z]{2}|[0-9]{3})(?![a-z0-9]))?"
    r"(?P<rest>(?:[-_][a-z0-9]{1,8}(?![a-z0-9]))*)",
    re.ASCII | re.IGNORECASE,
)


class Locale(str):
    """A language tag such as ``de-AT``: a str that is spelled as BCP 47 recommends and knows its parts.

    Being a str it compares with, hashes as and replaces the plain tag: ``Locale("de", "at") == "de-AT"``.
    """

    __slots__ = ()

    def __new__(cls, language: str, country: str = "", variant: str = "") -> Locale:
        """Join Java's three parts; language alone may be a whole tag, with "-" or "_"."""
        return cls.forLanguageTag(
            "-".join(part for part in (language or _UNDETERMINED, country, variant) if part)
        )

    @classmethod
    def forLanguageTag(cls, languageTag: str) -> Locale:
        """Return the locale of a tag up to its first malformed part; ``und`` if nothing is well-formed."""
        match = _TAG.match(_REPLACED.get(languageTag.lower(), languageTag))
        if match is None:
            private = _PRIVATE.match(languageTag)
            return str.__new__(cls, private[0].lower() if private else _UNDETERMINED)
        language, script, country, rest = match.group("language", "script", "country", "rest")
        language = language.lower()
        parts = (
            _RENAMED.get(language, language),
            (script or "").title(),
            (country or "").upper(),
            rest[1:].lower().replace("_", "-"),
        )
        return str.__new__(cls, "-".join(filter(None, parts)))

    @classmethod
    def getDefault(cls) -> Locale:
        """Return the locale the process was started with (LC_ALL, LC_MESSAGES, LANG), else ``en-US``."""
        name = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "C")
        tag = re.split("[.@]", name, maxsplit=1)[0]
        return cls.forLanguageTag("en-US" if tag in ("C", "POSIX") else tag)

    @property
    def language(self) -> str:
        """The language; "" if it is undetermined."""
        language = self._part("language")
        return "" if language == _UNDETERMINED else language

    @property
    def script(self) -> str:
        return self._part("script")

    @property
    def country(self) -> str:
        """The region: two letters or three digits; "" if the tag has none."""
        return self._part("country")

    def getLanguage(self) -> str:
        return self.language

    def getScript(self) -> str:
        return self.script

    def getCountry(self) -> str:
        return self.country

    def toLanguageTag(self) -> str:
        return str(self)

    def __repr__(self) -> str:
        return f"Locale({str(self)!r})"

    def _part(self, name: str) -> str:
        match = _TAG.match(self)
        return match[name] or "" if match else ""
