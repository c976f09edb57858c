"""Read what http, server, location and if blocks say about a place, into complete Locations.

A block is read in two passes, as order does not matter to nginx but where it says so: first all that its
inner blocks inherit, then the steps of the rewrite module and the inner blocks themselves.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from container.front.config.mistakes import BadDirective
from container.front.config.nginx import values
from container.front.config.nginx.model import (
    AccessLog,
    AddHeader,
    CookieFlags,
    ErrorPage,
    Expires,
    If,
    Jump,
    Location,
    LogFormat,
    Operation,
    PeerRule,
    ProxyPass,
    Replacement,
    Return,
    Rewrite,
    Root,
    SetVariable,
    Test,
    with_charset,
)  # fmt: skip
from container.front.config.nginx.reader import Handler, Notebook
from container.front.config.nginx.syntax import Directive
from container.front.config.nginx.values import Pattern, Template, template, words
from container.front.health import HealthCheck

__all__ = ["COMBINED", "LocationReader"]

COMBINED = LogFormat(
    template(
        '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
        '"$http_referer" "$http_user_agent"'
    )
)
_STEPS = frozenset({"set", "return", "rewrite", "break", "if"})
_BLOCKS = frozenset({"location", "server", "upstream", "map", "log_format"})
_NEXT = words(
    "error timeout invalid_header http_500 http_502 http_503 http_504 http_403 http_404 http_429 "
    "non_idempotent off updating"
)
_PROXIED = words("off expired no-cache no-store private no_last_modified no_etag auth any")
_COOKIE_FLAGS = (
    *("secure", "httponly", "samesite=strict", "samesite=lax", "samesite=none"),
    *("nosecure", "nohttponly", "nosamesite"),
)
_OLD_EXPLORERS = r"MSIE [4-6]\.(?!.*SV1)"
_REDIRECTS = {301, 302, 303, 307, 308}
_ABSOLUTE = ("http://", "https://", "$scheme")

# Directives that set one field of a Location, or of its limits, to one value.
_FIELDS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "default_type": ("default_type", str),
    "etag": ("etag", values.flag),
    "recursive_error_pages": ("recursive_error_pages", values.flag),
    "absolute_redirect": ("absolute_redirect", values.flag),
    "server_name_in_redirect": ("server_name_in_redirect", values.flag),
    "port_in_redirect": ("port_in_redirect", values.flag),
    "proxy_pass_request_headers": ("pass_request_headers", values.flag),
    "proxy_pass_request_body": ("pass_request_body", values.flag),
    "client_max_body_size": ("max_body_bytes", values.size),
    "gzip": ("gzip", values.flag),
}
_LIMITS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "proxy_connect_timeout": ("connect_timeout_s", values.seconds),
    "proxy_send_timeout": ("send_timeout_s", values.seconds),
    "proxy_read_timeout": ("read_timeout_s", values.seconds),
    "proxy_request_buffering": ("request_buffering", values.flag),
    "proxy_buffering": ("response_buffering", values.flag),
    "proxy_intercept_errors": ("intercept_errors", values.flag),
}
_GZIP: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "gzip_min_length": ("min_bytes", values.size),
    "gzip_vary": ("vary", values.flag),
}
_NEXT_FIELDS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "proxy_next_upstream_tries": ("tries", values.number),
    "proxy_next_upstream_timeout": ("timeout_s", values.seconds),
}


class _Draft:
    """What one block says itself, before it is laid over what it inherits."""

    def __init__(self, inherited: Location) -> None:
        self.inherited = inherited
        self.fields: dict[str, Any] = {}
        self.limits: dict[str, Any] = {}
        self.next_upstream: dict[str, Any] = {}
        self.gzip: dict[str, Any] = {}

    def append(self, field: str, *items: Any) -> None:
        self.fields[field] = (*self.fields.get(field, ()), *items)

    def location(self) -> Location:
        limits = dict(self.limits)
        if "max_body_bytes" in self.fields:
            limits["max_body_bytes"] = self.fields["max_body_bytes"]
        fields = dict(self.fields)
        if limits:
            fields["limits"] = replace(self.inherited.limits, **limits)
        if self.gzip:
            fields["compression"] = replace(self.inherited.compression, **self.gzip)
        if self.next_upstream:
            fields["next_upstream"] = replace(self.inherited.next_upstream, **self.next_upstream)
        location = replace(self.inherited, **fields)
        if not location.typed or {"types", "charset", "charset_types"} & fields.keys():
            typed = {name: with_charset(location, found) for name, found in location.types.items()}
            location = replace(location, typed=typed)
        return location


class LocationReader:
    """Reads the places of one configuration. group_of: what a proxy_pass without variables means.

    checks: gets the health_check of each upstream.
    """

    def __init__(
        self,
        notebook: Notebook,
        formats: Mapping[str, LogFormat],
        group_of: Callable[[str, str], str],
        checks: dict[str, HealthCheck],
    ) -> None:
        self._notebook = notebook
        self._formats = formats
        self._group_of = group_of
        self._checks = checks

    def read(
        self, block: Iterable[Directive], inherited: Location, own: Mapping[str, Handler] | None = None
    ) -> tuple[Location, dict[str, Location]]:
        """Read a block laid over what it inherits; own: handlers of what only this kind of block has.

        Returns its location and the named ones in it.
        """
        block = tuple(block)
        draft = _Draft(inherited)
        handlers = {**self._handlers(draft), **(own or {})}
        self._notebook.read(block, handlers, skip=_STEPS | _BLOCKS)
        base = draft.location()
        named: dict[str, Location] = {}
        exact: dict[str, Location] = {}
        prefixes: dict[str, Location] = {}
        regexes: list[Location] = []

        def place(directive: Directive) -> None:
            found = self._location(directive, base, named)
            if found.kind in ("~",):
                regexes.append(found)
                return
            table = {"=": exact, "@": named}.get(found.kind, prefixes)
            if found.name in table:
                raise BadDirective(f'duplicate location "{found.name}"', "Keep one of them")
            table[found.name] = found

        for directive in block:
            if directive.name == "location":
                self._notebook.attempt(place, directive)
        location = replace(
            base,
            operations=self._operations(block, base),
            exact=exact,
            prefixes=tuple(sorted(prefixes.values(), key=lambda found: -len(found.name))),
            regexes=tuple(regexes),
            slashed={
                name[:-1]: found
                for name, found in (prefixes | exact).items()
                if name.endswith("/") and found.proxy is not None
            },
        )
        return location, named

    # --- location -------------------------------------------------------------------------------

    def _location(self, directive: Directive, parent: Location, named: dict[str, Location]) -> Location:
        kind, name = _kind(directive.args)
        pattern = None
        if kind in ("~", "~*"):
            pattern = self._notebook.pattern(name, ignore_case=kind == "~*")
            kind = "~"
        if parent.kind in ("=", "@"):
            what = "exact location" if parent.kind == "=" else "named location"
            raise BadDirective(
                f'location "{name}" cannot be inside the {what} "{parent.name}"', "Write it beside that"
            )
        if parent.kind != "server":
            if kind == "@":
                raise BadDirective(
                    f'named location "{name}" can be on the server level only', "Write it directly in server"
                )
            if kind in ("=", "", "^~") and parent.kind != "~" and not name.startswith(parent.name):
                raise BadDirective(
                    f'location "{name}" is outside location "{parent.name}"',
                    f"Write it beside that, or begin its name with {parent.name}",
                )
        inherited = replace(
            parent,
            source=directive.source,
            kind=kind,
            name=name,
            pattern=pattern,
            proxy=None,
            try_files=(),
            method=parent.method,
            health_check=None,
        )
        location, inner = self.read(directive.block or (), inherited)
        self._check(location)
        named.update(inner)
        return location

    def _handlers(self, draft: _Draft) -> dict[str, Handler]:
        handlers: dict[str, Handler] = {
            name.removeprefix("_on_"): partial(getattr(self, name), draft)
            for name in dir(self)
            if name.startswith("_on_")
        }

        def setter(target: dict[str, Any], field: str, parse: Callable[[str], Any]) -> Handler:
            return lambda directive: target.__setitem__(field, parse(directive.args[0]))

        for rows, target in (
            (_FIELDS, draft.fields),
            (_LIMITS, draft.limits),
            (_GZIP, draft.gzip),
            (_NEXT_FIELDS, draft.next_upstream),
        ):
            handlers |= {name: setter(target, *row) for name, row in rows.items()}
        return handlers

    def _check(self, location: Location) -> None:
        """Note the health_check of a location, which is about its upstream."""
        check = location.health_check
        if check is None:
            return
        upstream = location.proxy.upstream if location.proxy else None
        if location.proxy is None or upstream is None:
            raise BadDirective(
                "health_check needs a proxy_pass to an upstream beside it", "Write proxy_pass http://UPSTREAM"
            )
        host = next((value for name, value in location.set_headers if name.lower() == "host"), None)
        timeout_s = min(location.limits.read_timeout_s or check.interval_s, check.interval_s)
        check = replace(
            check, host=host.text if host and host.constant else location.proxy.host, timeout_s=timeout_s
        )
        if self._checks.setdefault(upstream, check) != check:
            raise BadDirective(f'a second health_check of the upstream "{upstream}"', "Keep one of them")

    # --- files ----------------------------------------------------------------------------------

    def _on_root(self, draft: _Draft, directive: Directive) -> None:
        self._set_root(
            draft,
            directive,
            Root(self._notebook.path(directive.args[0].rstrip("/") or "/", directive.source)),
        )

    def _on_alias(self, draft: _Draft, directive: Directive) -> None:
        at = draft.inherited
        if at.kind in ("@", "server"):
            raise BadDirective('the "alias" directive cannot be used inside the named location', "Use root")
        path = directive.args[0]
        if at.kind in ("", "^~") and path.endswith("/") and not at.name.endswith("/"):
            raise BadDirective(
                f'with alias "{path}" the location "{at.name}" lets "{at.name}../" climb out of the folder',
                f"Write location {at.name}/",
            )
        cut = None if at.kind == "~" else len(at.name)
        self._set_root(draft, directive, Root(self._notebook.path(path, directive.source), cut, True))

    def _set_root(self, draft: _Draft, directive: Directive, root: Root) -> None:
        if earlier := draft.fields.get("root"):
            other = "alias" if earlier.is_alias else "root"
            raise BadDirective(
                f'"{directive.name}" directive is duplicate, "{other}" directive was specified earlier',
                "Keep one of them",
            )
        draft.fields["root"] = root

    def _on_index(self, draft: _Draft, directive: Directive) -> None:
        draft.append("index", *(self._notebook.template(arg, directive.source) for arg in directive.args))

    def _on_try_files(self, draft: _Draft, directive: Directive) -> None:
        last = directive.args[-1]
        if last.startswith("=") and not re.fullmatch(r"=[1-9]\d\d", last):
            raise BadDirective(f'invalid code "{last}"', "Write =404")
        draft.fields["try_files"] = tuple(
            self._notebook.template(arg, directive.source) for arg in directive.args
        )

    def _on_types(self, draft: _Draft, directive: Directive) -> None:
        types = draft.fields.setdefault("types", {})
        for line in directive.block or ():
            for extension in line.args:
                types[extension.lower()] = line.name

    def _on_charset(self, draft: _Draft, directive: Directive) -> None:
        draft.fields["charset"] = "" if directive.args[0] == "off" else directive.args[0]

    def _on_charset_types(self, draft: _Draft, directive: Directive) -> None:
        draft.fields["charset_types"] = frozenset(directive.args) | {"text/html"}

    def _on_gzip_static(self, draft: _Draft, directive: Directive) -> None:
        value = directive.args[0]
        if value == "always":
            raise BadDirective('"gzip_static always" is not supported', "Write gzip_static on")
        draft.fields["gzip_static"] = values.flag(value)

    def _on_gzip_types(self, draft: _Draft, directive: Directive) -> None:
        known = draft.gzip.get("types", frozenset({"text/html"}))
        draft.gzip["types"] = known | {name.lower() for name in directive.args}

    def _on_gzip_comp_level(self, draft: _Draft, directive: Directive) -> None:
        level = values.number(directive.args[0])
        if not 1 <= level <= 9:
            raise BadDirective("value must be between 1 and 9", "Write 1 for speed, 9 for size")
        draft.gzip["level"] = level

    def _on_gzip_proxied(self, draft: _Draft, directive: Directive) -> None:
        if unknown := set(directive.args) - _PROXIED:
            raise BadDirective(f'invalid value "{min(unknown)}"', f"There are {', '.join(sorted(_PROXIED))}")
        draft.gzip["proxied"] = frozenset(directive.args) - {"off"}

    def _on_gzip_http_version(self, draft: _Draft, directive: Directive) -> None:
        if directive.args[0] not in ("1.0", "1.1"):
            raise BadDirective(f'invalid value "{directive.args[0]}"', "Write 1.0 or 1.1")
        draft.gzip["http_1_0"] = directive.args[0] == "1.0"

    def _on_gzip_disable(self, draft: _Draft, directive: Directive) -> None:
        texts = (_OLD_EXPLORERS if text == "msie6" else text for text in directive.args)
        patterns = (Pattern.of(text, ignore_case=True).regex for text in texts if text != "degradation")
        draft.gzip["except_for"] = (*draft.gzip.get("except_for", ()), *patterns)

    def _on_autoindex(self, draft: _Draft, directive: Directive) -> None:
        if values.flag(directive.args[0]):
            raise BadDirective(
                '"autoindex on" is not supported', "Let the default servlet of a web app list it"
            )

    def _on_proxy_cache(self, draft: _Draft, directive: Directive) -> None:
        if directive.args[0] != "off":
            raise BadDirective(
                f'"{directive}" is not supported', "Remove it, or keep nginx in front of this front for it"
            )

    def _on_proxy_ssl_verify(self, draft: _Draft, directive: Directive) -> None:
        if values.flag(directive.args[0]):
            raise BadDirective(f'"{directive}" is not supported', "Have it in a trusted network")

    def _on_internal(self, draft: _Draft, directive: Directive) -> None:
        draft.fields["internal"] = True

    def _on_allow(self, draft: _Draft, directive: Directive) -> None:
        import ipaddress

        network = directive.args[0]
        if network == "all":
            network = ""
        elif network != "unix:":
            try:
                ipaddress.ip_network(network, strict=False)
            except ValueError:
                raise BadDirective(
                    f'invalid parameter "{network}"', "Write an address, a network or all"
                ) from None
        draft.append("peers", PeerRule(directive.name == "allow", network))

    _on_deny = _on_allow

    # --- answers --------------------------------------------------------------------------------

    def _on_health_check(self, draft: _Draft, directive: Directive) -> None:
        fields: dict[str, Any] = {}
        for parameter in directive.args:
            name, equals, value = parameter.partition("=")
            if name in ("interval", "jitter") and equals:
                fields[f"{name}_s"] = values.seconds(value)
            elif name in ("fails", "passes", "port") and equals:
                fields[name] = values.number(value)
                if not fields[name]:
                    raise BadDirective(f'invalid value in "{parameter}"', "Write a number from 1 on")
            elif name == "uri" and value.startswith("/"):
                fields["target"] = value
            else:
                raise BadDirective(
                    f'"{parameter}" is not supported',
                    "There are interval, jitter, fails, passes, uri and port; 200 to 399 are good",
                )
        if not fields.get("interval_s", 1.0):
            raise BadDirective("an interval of 0 is no interval", "Write interval=5")
        draft.fields["health_check"] = HealthCheck(**fields)

    def _on_error_page(self, draft: _Draft, directive: Directive) -> None:
        *codes, page = directive.args
        overwrite: int | None = None
        if codes and codes[-1].startswith("="):
            text = codes.pop()[1:]
            overwrite = values.number(text) if text else 0
        if not codes:
            raise BadDirective(f'invalid value "{page}"', "Write the codes before the page")
        target = self._notebook.template(page, directive.source)
        for code in codes:
            status = values.number(code)
            if not 300 <= status <= 599 or status == 499:
                raise BadDirective(
                    f'value "{code}" must be between 300 and 599', "Name an error, such as 404"
                )
            draft.append("error_pages", ErrorPage(status, overwrite, target))

    def _on_add_header(self, draft: _Draft, directive: Directive) -> None:
        name, value, *rest = directive.args
        if rest and rest != ["always"]:
            raise BadDirective(f'invalid parameter "{rest[0]}"', "The third word can only be always")
        draft.append(
            "add_headers", AddHeader(name, self._notebook.template(value, directive.source), bool(rest))
        )

    def _on_expires(self, draft: _Draft, directive: Directive) -> None:
        *modified, value = directive.args
        if modified not in ([], ["modified"]):
            raise BadDirective(
                f'invalid value "{modified[0]}"', "Write expires TIME, or expires modified TIME"
            )
        if value == "off":
            draft.fields["expires"] = None
            return
        if "$" not in value and value not in ("epoch", "max"):
            values.seconds(value.lstrip("+-@"))
        draft.fields["expires"] = Expires(self._notebook.template(value, directive.source), bool(modified))

    def _on_access_log(self, draft: _Draft, directive: Directive) -> None:
        file, *parameters = directive.args
        if file == "off":
            draft.fields["logs"] = ()
            return
        if file.startswith("syslog:"):
            raise BadDirective("logs are not sent to syslog", "Name a file")
        form = COMBINED
        if parameters and "=" not in parameters[0] and parameters[0] != "gzip":
            name = parameters.pop(0)
            if name != "combined":
                if name not in self._formats:
                    raise BadDirective(f'unknown log format "{name}"', "Define it with log_format")
                form = self._formats[name]
        condition = None
        for parameter in parameters:
            if parameter.startswith("if="):
                condition = self._notebook.template(parameter[3:], directive.source)
            elif not parameter.startswith(("buffer=", "gzip", "flush=")):
                raise BadDirective(
                    f'invalid parameter "{parameter}"', "Write access_log FILE [FORMAT] [if=CONDITION]"
                )
        path = self._notebook.path(file, directive.source)
        if path.constant:
            self._notebook.logs.setdefault(path.text, directive.source)
        draft.append("logs", AccessLog(path, form, condition))

    # --- proxying -------------------------------------------------------------------------------

    def _on_proxy_pass(self, draft: _Draft, directive: Directive) -> None:
        draft.fields["proxy"] = self._proxy_pass(directive, draft.inherited)

    def _proxy_pass(self, directive: Directive, at: Location) -> ProxyPass:
        text = directive.args[0]
        url = self._notebook.template(text, directive.source)
        name = at.name if at.kind in ("=", "", "^~") else ""
        match = re.match(r"(https?)://", text, re.IGNORECASE)
        if not match and text.startswith("$"):
            return ProxyPass(url, "http", None, "", None, name)
        if not match:
            raise BadDirective("invalid URL prefix", "Begin with http:// or https://")
        scheme: Literal["http", "https"] = "https" if match[1].lower() == "https" else "http"
        if not url.constant:
            return ProxyPass(url, scheme, None, "", None, name)
        host, uri = _split_url(text[match.end() :])
        if uri and at.kind in ("~", "@", "if"):
            raise BadDirective(
                '"proxy_pass" cannot have URI part in location given by regular expression, or inside named '
                'location, or inside "if" statement',
                "Remove what follows the host, and use rewrite ... break to change the path",
            )
        shown = "localhost" if host.startswith("unix:") else host
        return ProxyPass(url, scheme, self._group_of(scheme, host), shown, uri, name)

    def _on_proxy_set_header(self, draft: _Draft, directive: Directive) -> None:
        name, value = directive.args
        draft.append("set_headers", (name, self._notebook.template(value, directive.source)))

    def _on_proxy_hide_header(self, draft: _Draft, directive: Directive) -> None:
        names = draft.fields.get("hide_headers", frozenset())
        draft.fields["hide_headers"] = names | {directive.args[0].lower()}

    def _on_proxy_pass_header(self, draft: _Draft, directive: Directive) -> None:
        names = draft.fields.get("pass_headers", frozenset())
        draft.fields["pass_headers"] = names | {directive.args[0].lower()}

    def _on_proxy_ignore_headers(self, draft: _Draft, directive: Directive) -> None:
        self._notebook.note(directive.source, '"proxy_ignore_headers" has no effect here')

    def _on_proxy_redirect(self, draft: _Draft, directive: Directive) -> None:
        match directive.args:
            case ("off",):
                draft.fields["redirects"] = ()
            case ("default",):
                draft.fields["redirects"] = None
            case (source, target):
                rule = self._replacement(source, target, directive)
                draft.fields["redirects"] = (*(draft.fields.get("redirects") or ()), rule)
            case _:
                raise BadDirective(
                    f'invalid parameter "{directive.args[0]}"', "Write off, default, or what and what instead"
                )

    def _replacement(self, source: str, target: str, directive: Directive) -> Replacement:
        return Replacement(
            self._template_or_pattern(source, directive), self._notebook.template(target, directive.source)
        )

    def _template_or_pattern(self, text: str, directive: Directive) -> Template | Pattern:
        if not text.startswith("~"):
            return self._notebook.template(text, directive.source)
        ignore_case = text.startswith("~*")
        return self._notebook.pattern(text[2:] if ignore_case else text[1:], ignore_case=ignore_case)

    def _on_proxy_cookie_path(self, draft: _Draft, directive: Directive) -> None:
        field = {"proxy_cookie_path": "cookie_paths", "proxy_cookie_domain": "cookie_domains"}[directive.name]
        match directive.args:
            case ("off",):
                draft.fields[field] = ()
            case (source, target):
                draft.append(field, self._replacement(source, target, directive))
            case _:
                raise BadDirective(f'invalid parameter "{directive.args[0]}"', "Write what, and what instead")

    _on_proxy_cookie_domain = _on_proxy_cookie_path

    def _on_proxy_cookie_flags(self, draft: _Draft, directive: Directive) -> None:
        if directive.args == ("off",):
            draft.fields["cookie_flags"] = ()
            return
        name, *flags = directive.args
        for flag in flags:
            if flag not in _COOKIE_FLAGS:
                raise BadDirective(f'invalid parameter "{flag}"', f"There are {', '.join(_COOKIE_FLAGS)}")
        about: Template | Pattern = (
            self._notebook.pattern(name.removeprefix("~").removeprefix("*"), ignore_case=True)
            if name.startswith("~")
            else self._notebook.template(name, directive.source)
        )
        draft.append("cookie_flags", CookieFlags(about, tuple(flags)))

    def _on_proxy_http_version(self, draft: _Draft, directive: Directive) -> None:
        if directive.args[0] not in ("1.0", "1.1"):
            raise BadDirective(f'invalid value "{directive.args[0]}"', "Write 1.0 or 1.1")
        draft.limits["http_version"] = directive.args[0]

    def _on_proxy_method(self, draft: _Draft, directive: Directive) -> None:
        draft.fields["method"] = self._notebook.template(directive.args[0], directive.source)

    def _on_proxy_next_upstream(self, draft: _Draft, directive: Directive) -> None:
        if unknown := set(directive.args) - _NEXT:
            raise BadDirective(f'invalid value "{min(unknown)}"', f"There are {', '.join(sorted(_NEXT))}")
        conditions = frozenset(directive.args)
        draft.next_upstream["conditions"] = frozenset() if "off" in conditions else conditions - {"updating"}

    # --- the rewrite module ---------------------------------------------------------------------

    def _operations(self, block: Iterable[Directive], base: Location) -> tuple[Operation, ...]:
        operations: list[Operation] = []
        steps: dict[str, Callable[[Directive, Location], Operation]] = {
            "set": self._set,
            "return": self._return,
            "rewrite": self._rewrite,
            "break": lambda directive, base: Jump(),
            "if": self._if,
        }

        def take(step: Callable[[Directive, Location], Operation], directive: Directive) -> None:
            operations.append(step(directive, base))

        for directive in block:
            if step := steps.get(directive.name):
                self._notebook.attempt(partial(take, step), directive)
        return tuple(operations)

    def _set(self, directive: Directive, base: Location) -> SetVariable:
        name = _variable(directive.args[0])
        self._notebook.variables.add(name)
        return SetVariable(name, self._notebook.template(directive.args[1], directive.source))

    def _return(self, directive: Directive, base: Location) -> Return:
        code, *rest = directive.args
        if not rest and code.startswith(_ABSOLUTE):
            return Return(302, self._notebook.template(code, directive.source))
        if not code.isdigit() or int(code) > 999:
            raise BadDirective(
                f'invalid return code "{code}"', "Write return CODE, CODE TEXT, CODE URL or URL"
            )
        text = self._notebook.template(rest[0], directive.source) if rest else None
        return Return(int(code), text)

    def _rewrite(self, directive: Directive, base: Location) -> Rewrite:
        regex, replacement, *flags = directive.args
        flag = flags[0] if flags else ""
        if flag not in ("", "last", "break", "redirect", "permanent"):
            raise BadDirective(f'invalid parameter "{flag}"', "Write last, break, redirect or permanent")
        if replacement.startswith(_ABSOLUTE) and flag != "permanent":
            flag = "redirect"
        keep_args = not replacement.endswith("?")
        replacement = replacement if keep_args else replacement[:-1]
        pattern = self._notebook.pattern(regex)
        uri, mark, args = replacement.partition("?")
        source = directive.source
        return Rewrite(
            pattern,
            self._notebook.template(uri, source),
            self._notebook.template(args, source) if mark else None,
            keep_args,
            flag,  # type: ignore[arg-type]
        )

    def _if(self, directive: Directive, base: Location) -> If:
        test = self._test(directive)
        if base.kind == "server":
            # Only what the rewrite module does counts at this level.
            location = None
            operations = self._operations(directive.block or (), base)
            self._notebook.read(directive.block or (), {}, skip=_STEPS)
        else:
            inherited = replace(base, source=directive.source, kind="if", try_files=())
            location, _ = self.read(directive.block or (), inherited)
            operations = location.operations
        return If(test, operations, location)

    def _test(self, directive: Directive) -> Test:
        source = directive.source
        match directive.args:
            case (variable,) if variable.startswith("$"):
                return Test(self._notebook.template(variable, source), "")
            case (test, file) if re.fullmatch(r"!?-[fdex]", test):
                subject = self._notebook.template(file, source)
                return Test(subject, test[-1], test.startswith("!"))  # type: ignore[arg-type]
            case (variable, ("=" | "!=") as operator, value) if variable.startswith("$"):
                subject = self._notebook.template(variable, source)
                return Test(subject, "=", operator == "!=", self._notebook.template(value, source))
            case (variable, ("~" | "!~" | "~*" | "!~*") as operator, value) if variable.startswith("$"):
                subject = self._notebook.template(variable, source)
                pattern = self._notebook.pattern(value, ignore_case=operator.endswith("*"))
                return Test(subject, "~", operator.startswith("!"), pattern=pattern)
        raise BadDirective(
            f'invalid condition "{" ".join(directive.args)}"',
            "Write ($variable), ($variable = text), ($variable ~ regex) or (-f file)",
        )


def _kind(args: tuple[str, ...]) -> tuple[Any, str]:
    """Return what kind of location it is, and its name; the modifier may touch the name."""
    if len(args) == 2:
        kind, name = args
        if kind not in ("=", "^~", "~", "~*"):
            raise BadDirective(f'invalid location modifier "{kind}"', "Write =, ^~, ~ or ~*")
        return kind, name
    text = args[0]
    for kind in ("=", "^~", "~*", "~"):
        if text.startswith(kind):
            return kind, text[len(kind) :]
    return ("@" if text.startswith("@") else ""), text


def _split_url(text: str) -> tuple[str, str | None]:
    """Cut "host:port/uri" or "unix:/path:/uri"; the uri is None if there is none."""
    if text.startswith("unix:"):
        path, _, uri = text[5:].partition(":")
        return f"unix:{path}", uri or None
    match = re.fullmatch(r"([^/?]*)(.*)", text, re.DOTALL)
    assert match
    if not match[1]:
        raise BadDirective(f'no host in upstream "{text}"', "Write http://HOST or http://UPSTREAM")
    return match[1], match[2] or None


def _variable(text: str) -> str:
    if not re.fullmatch(r"\$\w+", text, re.ASCII):
        raise BadDirective(f'invalid variable name "{text}"', "A variable is $name")
    return text[1:].lower()
