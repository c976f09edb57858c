"""The page of a status worker: what mod_jk's shows, to be read only.

``?mime=txt``, ``xml``, ``prop`` or ``html`` choose its form, as scripts that watch a farm expect it.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from urllib.parse import parse_qs
from xml.sax.saxutils import quoteattr

from container.front.config.apache.modjk import AjpWorker, LbWorker, StatusWorker, Workers
from container.front.jk import LoadBalancer
from container.front.jk import Worker as Member
from container.front.site import FixedAnswer, FrontRequest

__all__ = ["status_page"]

_TYPES = {"txt": "text/plain", "prop": "text/plain", "xml": "text/xml", "html": "text/html"}

Fields = dict[str, str]


def status_page(
    groups: Mapping[str, LoadBalancer],
    workers: Workers | None,
    page: StatusWorker,
    request: FrontRequest,
    now_s: float,
) -> FixedAnswer:
    """Show all groups; commands that would change something are refused."""
    if page.users and (request.exchange.user or "") not in page.users:
        return FixedAnswer(403, b"Not for you.\n", "text/plain")
    asked = {name: values[-1] for name, values in parse_qs(request.query or "").items()}
    form = asked.get("mime", "html")
    form = form if form in _TYPES else "html"
    if asked.get("cmd", "list") not in ("list", "show", "version", "dump"):
        text = _lines(form, page.prefix, [("result", {"type": "ERROR", "message": "the page is read only"})])
        return FixedAnswer(200, text.encode(), _TYPES[form])
    rows: list[tuple[str, Fields]] = [
        ("server", {"name": request.host, "port": str(request.exchange.connection.local[1])}),
        ("software", {"jk_version": "mod_jk/1.2.48 as the front understands it"}),
    ]
    for name, worker in (workers.mounted if workers else {}).items():
        if asked.get("w", name) != name or name not in groups:
            continue
        group = groups[name]
        if isinstance(worker, LbWorker):
            rows.append(("balancer", _balancer(worker, group)))
            configured = {member.name: member for member in worker.members}
            rows += (("member", _member(each, configured[each.name])) for each in group.members)
        elif isinstance(worker, AjpWorker):
            rows.append(("ajp", _member(group.members[0], worker)))
    rows.append(("result", {"type": "OK", "message": "Action finished"}))
    return FixedAnswer(200, _lines(form, page.prefix, rows).encode(), _TYPES[form])


def _balancer(worker: LbWorker, group: LoadBalancer) -> Fields:
    config = worker.config
    members = group.members
    bad = sum(member.state.value.startswith("ERR") for member in members)
    return {
        "name": worker.name,
        "type": "lb",
        "sticky_session": str(config.sticky_session),
        "sticky_session_force": str(config.sticky_session_force),
        "retries": str(config.retries),
        "recover_time": str(config.recover_time_s),
        "error_escalation_time": str(config.error_escalation_time_s),
        "max_reply_timeouts": str(config.max_reply_timeouts),
        "method": config.method,
        "member_count": str(len(members)),
        "good": str(len(members) - bad),
        "bad": str(bad),
        "busy": str(sum(member.busy for member in members)),
    }


def _member(member: Member, worker: AjpWorker) -> Fields:
    config = worker.config
    return {
        "name": member.name,
        "type": "ajp13",
        "host": config.address.host,
        "port": str(config.address.port),
        "activation": member.activation.value,
        "state": member.state.value,
        "lbfactor": str(config.lbfactor),
        "lbmult": str(member.mult),
        "lbvalue": str(member.value),
        "route": member.route,
        "redirect": config.redirect,
        "domain": member.domain,
        "distance": str(config.distance),
        "used": str(member.picks),
        "errors": str(member.failures),
        "reply_timeouts": str(member.reply_timeouts),
        "busy": str(member.busy),
    }


def _lines(form: str, prefix: str, rows: list[tuple[str, Fields]]) -> str:
    if form == "txt":
        return "".join(
            f"{kind.capitalize()}: {' '.join(f'{key}={value}' for key, value in fields.items())}\n"
            for kind, fields in rows
        )
    if form == "prop":
        return "".join(
            f"{prefix}.{fields['name'] if kind in ('balancer', 'member', 'ajp') else kind}.{key}={value}\n"
            for kind, fields in rows
            for key, value in fields.items()
        )
    if form == "xml":
        inside = "".join(
            f"  <jk:{kind} {' '.join(f'{key}={quoteattr(value)}' for key, value in fields.items())}/>\n"
            for kind, fields in rows
        )
        return (
            '<?xml version="1.0" encoding="UTF-8" ?>\n'
            f'<jk:status xmlns:jk="http://tomcat.apache.org">\n{inside}</jk:status>\n'
        )
    cells = "".join(
        f"<tr><th>{escape(kind)}</th><td>"
        f"{escape(', '.join(f'{key} {value}' for key, value in fields.items() if value))}</td></tr>\n"
        for kind, fields in rows
    )
    title = "JK Status Manager"
    return f"<!DOCTYPE html>\n<title>{title}</title>\n<h1>{title}</h1>\n<table>\n{cells}</table>\n"
