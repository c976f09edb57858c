"""8xx: the configuration of a front, nginx's or Apache's."""

from __future__ import annotations

from container.learn.lint.rules.rule import Example, Rule, front

__all__ = ["RULES"]


def _nginx(inside: str, more: str = "") -> Example:
    return front(
        "nginx.conf",
        f"events {{\n}}\nhttp {{\n{more}    server {{\n        listen 8080;\n        {inside}\n    }}\n}}",
    )


_WORKERS = "worker.list=shop\nworker.shop.type=ajp13\nworker.shop.host=127.0.0.1\nworker.shop.port=8009\n"

RULES = (
    Rule(
        "WAS801",
        "error",
        "nginx.conf cannot be used",
        "A directive is unknown, stands in the wrong block or has a wrong value, or it is one that changes "
        "answers "
        "and is not supported (docs/nginx.md lists what is).",
        "See the message; keep nginx in front for what is not supported.",
        _nginx("rooot /srv/www;"),
        _nginx("root /srv/www;"),
    ),
    Rule(
        "WAS802",
        "warning",
        "A directive of nginx has no effect here",
        "It is known and can be left as it is; the message says why nothing comes of it.",
        "Remove it, or leave it for nginx.",
        _nginx("root /srv/www;", "    sendfile on;\n"),
        _nginx("root /srv/www;"),
    ),
    Rule(
        "WAS811",
        "error",
        "httpd.conf cannot be used",
        "A directive is unknown, not implemented, or has a wrong value.",
        "See the message.",
        front("httpd.conf", "Listen 8080\nDocumntRoot /srv\n"),
        front("httpd.conf", "Listen 8080\nDocumentRoot /\n"),
    ),
    Rule(
        "WAS812",
        "warning",
        "Something in httpd.conf is probably not meant",
        "A folder does not exist, a variable is not defined, or programs would have to be run.",
        "See the message.",
        front("httpd.conf", "Listen 8080\nDocumentRoot /no/such/folder\n"),
        front("httpd.conf", "Listen 8080\nDocumentRoot /\n"),
    ),
    Rule(
        "WAS813",
        "warning",
        "A directive of Apache has no effect here",
        "It is known and can be left as it is; the message says why nothing comes of it.",
        "Remove it, or leave it for Apache.",
        front("httpd.conf", "Listen 8080\nDocumentRoot /\nServerSignature Off\n"),
        front("httpd.conf", "Listen 8080\nDocumentRoot /\n"),
    ),
    Rule(
        "WAS821",
        "error",
        "workers.properties or uriworkermap.properties cannot be used",
        "A worker has no type, a balancer no members, or two members have one route.",
        "See the message.",
        front("workers.properties", _WORKERS.replace("ajp13", "ajp99")),
        front("workers.properties", _WORKERS),
    ),
    Rule(
        "WAS822",
        "warning",
        "A property of a worker is probably not meant",
        "It is written twice, obsolete, or has no effect here.",
        "See the message.",
        front("workers.properties", _WORKERS + "worker.shop.port=8010\n"),
        front("workers.properties", _WORKERS),
    ),
)
