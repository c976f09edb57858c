"""The directives of an httpd.conf, and what each does; mod_jk's and mod_proxy's are in backends.py."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from container.errors import ConfigError
from container.front.config.apache.access import ACCESS
from container.front.config.apache.backends import BACKENDS
from container.front.config.apache.known import MPM
from container.front.config.apache.model import (
    Alias,
    HeaderRule,
    Listen,
    LogFile,
    Redirect,
    SetIf,
    VariableRule,
)
from container.front.config.apache.reader import (
    Reader,
    Row,
    Where,
    number,
    number_value,
    on,
    regex,
    switch_value,
    time_value,
    value,
)
from container.front.config.apache.syntax import Directive

__all__ = ["DIRECTIVES"]

# --- servers -----------------------------------------------------------------------------------


def _listen(reader: Reader, where: Where, directive: Directive) -> None:
    match = re.fullmatch(r"(?:(\[[^\]]+\]|[^:\[\]]+):)?([0-9]+)", directive.args[0])
    if match is None or not 0 < int(match[2]) < 65536:
        raise ConfigError(
            f"{directive.source}: {directive.args[0]!r} is no port. Write Listen 80 or 10.0.0.1:80."
        )
    host, port = (match[1] or "").strip("[]"), int(match[2])
    protocol = directive.args[1].lower() if len(directive.args) > 1 else "https" if port == 443 else "http"
    reader.listen.append(Listen("" if host in ("*", "::") else host, port, protocol))


def _server_name(reader: Reader, where: Where, directive: Directive) -> None:
    name = directive.args[0].partition("://")[2] or directive.args[0]
    host, _, port = name.partition(":") if not name.startswith("[") else (name, "", "")
    where.server.name = host.lower().rstrip(".")
    where.server.port = int(port) if port.isdecimal() else 0


def _server_alias(reader: Reader, where: Where, directive: Directive) -> None:
    where.server.aliases += tuple(name.lower().rstrip(".") for name in directive.args)


def _document_root(reader: Reader, where: Where, directive: Directive) -> None:
    folder = reader.tree.path(directive.args[0])
    if not folder.is_dir():
        reader.warn(directive.source, f"DocumentRoot {folder} is no folder", "Make it, or correct its name.")
    where.server.document_root = os.path.normpath(folder)


def _mpm(reader: Reader, where: Where, directive: Directive) -> None:
    reader.mpm[MPM[directive.name.lower()]] = number(directive)


def _tls(reader: Reader, where: Where, directive: Directive) -> None:
    name, value = directive.name.lower(), directive.args[0]
    if name == "sslengine":
        where.server.tls = value.lower() == "on"
    elif name == "sslcertificatefile":
        where.server.certificate = str(reader.tree.path(value))
    else:
        where.server.certificate_key = str(reader.tree.path(value))


def _log_format(reader: Reader, where: Where, directive: Directive) -> None:
    name = directive.args[1] if len(directive.args) > 1 else ""
    where.server.formats[name] = directive.args[0]


def _custom_log(reader: Reader, where: Where, directive: Directive) -> None:
    file = directive.args[0]
    if file.startswith(("|", "syslog")):
        raise ConfigError(
            f"{directive.source}: logs are written to files, not to programs or syslog. Name a file; "
            "it may be rotated."
        )
    form = directive.args[1] if len(directive.args) > 1 else ""
    condition = directive.args[2] if len(directive.args) > 2 else ""
    if condition and not condition.lower().startswith("env="):
        raise ConfigError(f"{directive.source}: only env=NAME and env=!NAME are read as conditions of a log.")
    where.server.logs.append(LogFile(str(reader.tree.path(file)), form, condition[4:], directive.source))


# --- paths and files ---------------------------------------------------------------------------


def _alias(reader: Reader, where: Where, directive: Directive) -> None:
    name, (path, folder) = directive.name.lower(), directive.args
    script = name.startswith("script")
    if script:
        reader.warn(directive.source, f"programs in {folder} are not run: {path} is answered with 404")
    if name.endswith("match"):
        where.server.folders.append(Alias(folder, pattern=regex(path, directive), script=script))
        return
    if path.endswith("/") and not folder.endswith("/"):
        raise ConfigError(
            f'{directive.source}: {path} ends with "/" and {folder} does not, so {path}x would be the file '
            f'{folder}x. Write "{folder}/".'
        )
    where.server.folders.append(
        Alias(str(reader.tree.path(folder)) + "/" * folder.endswith("/"), path, script=script)
    )


_REDIRECTS = {"permanent": 301, "temp": 302, "seeother": 303, "gone": 410}


def _redirect(reader: Reader, where: Where, directive: Directive) -> None:
    name, args = directive.name.lower(), list(directive.args)
    status = {"redirectpermanent": 301, "redirecttemp": 302}.get(name, 302)
    if args[0].lower() in _REDIRECTS:
        status = _REDIRECTS[args.pop(0).lower()]
    elif re.fullmatch(r"[0-9]{3}", args[0]):
        status = int(args.pop(0))
    is_regex = name == "redirectmatch"
    if where.section is not None and len(args) == 1 and 300 <= status < 400:
        args.insert(0, "")  # inside a section the path may be left out
    elif not args:
        args.append("")
    path, location = args[0], args[1] if len(args) > 1 else ""
    if 300 <= status < 400 and not location:
        raise ConfigError(f"{directive.source}: {directive.name} with status {status} needs a URL to go to.")
    found = Redirect(status, location, path, regex(path, directive) if is_regex else None)
    if where.section is not None:
        where.rules.redirects += (found,)
    else:
        where.server.redirects.append(found)


def _directory_index(reader: Reader, where: Where, directive: Directive) -> None:
    names = directive.args
    where.rules.directory_index = () if names == ("disabled",) else names


def _directory_slash(reader: Reader, where: Where, directive: Directive) -> None:
    where.rules.directory_slash = on(directive)


def _options(reader: Reader, where: Where, directive: Directive) -> None:
    if any(word.lower().lstrip("+") in ("indexes", "all") for word in directive.args):
        reader.note(directive.source, "Options Indexes has no effect here: folders are not listed")


def _allow_override(reader: Reader, where: Where, directive: Directive) -> None:
    if directive.args[0].lower() != "none":
        reader.note(
            directive.source,
            "AllowOverride has no effect here: .htaccess files are not read",
            "Move what they say into this file.",
        )


def _error_document(reader: Reader, where: Where, directive: Directive) -> None:
    code = number(directive)
    if not 400 <= code < 600:
        raise ConfigError(f"{directive.source}: {code} is no error. Write a status from 400 to 599.")
    target = directive.args[1]
    if not target.startswith("/") and "://" not in target and target != "default":
        target = '"' + (target if len(directive.args) == 2 else " ".join(directive.args[1:])).lstrip('"')
    where.rules.error_documents[code] = target


def _header(reader: Reader, where: Where, directive: Directive) -> None:
    args = list(directive.args)
    request = directive.name.lower() == "requestheader"
    always = args[0].lower() == "always"
    if args[0].lower() in ("always", "onsuccess") and not request:
        args.pop(0)
    condition = ""
    if len(args) > 2 and args[-1].lower() == "early":
        args.pop()
    if len(args) > 2 and args[-1].lower().startswith("env="):
        condition = args.pop()[4:]
    action = args.pop(0).lower() if args else ""
    allowed = {"set", "add", "append", "merge", "unset"}
    if request:
        allowed |= {"edit", "edit*", "setifempty"}
    wanted = 1 if action == "unset" else 3 if action.startswith("edit") else 2
    if action not in allowed or len(args) != wanted or args[-1].startswith("expr="):
        raise ConfigError(
            f"{directive.source}: {directive} is not implemented. {directive.name} "
            f"{', '.join(sorted(allowed))} are, with env=NAME as the condition."
        )
    if "%D" in args[-1].replace("%%", "") and action != "unset":
        raise ConfigError(
            f"{directive.source}: {directive}: %D is not known before the answer is. Leave it out, or log it."
        )
    pattern = regex(args.pop(1), directive) if action.startswith("edit") else None
    name = args[0].rstrip(":")
    rule = HeaderRule(action, name, args[1] if len(args) > 1 else "", always, condition, pattern)
    if request:
        where.rules.request_headers += (rule,)
    else:
        where.rules.headers += (rule,)


def _types_config(reader: Reader, where: Where, directive: Directive) -> None:
    path = reader.tree.path(directive.args[0])
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError as error:
        raise ConfigError(f"{directive.source}: {path}: {error.strerror}. Name a mime.types.") from error
    reader.types = {
        extension.lower(): kind
        for kind, *extensions in (line.split() for line in lines if line.strip() and line[0] != "#")
        for extension in extensions
    }


def _add_type(reader: Reader, where: Where, directive: Directive) -> None:
    for extension in directive.args[1:]:
        where.rules.types[extension.lower().removeprefix(".")] = directive.args[0]


def _force_type(reader: Reader, where: Where, directive: Directive) -> None:
    where.rules.force_type = "" if directive.args[0].lower() == "none" else directive.args[0]


def _charset(reader: Reader, where: Where, directive: Directive) -> None:
    value = directive.args[0]
    where.rules.charset = {"off": "", "on": "iso-8859-1"}.get(value.lower(), value)


def _body_limit(reader: Reader, where: Where, directive: Directive) -> None:
    where.rules.body_limit = number(directive)


def _set_handler(reader: Reader, where: Where, directive: Directive) -> None:
    handler = directive.args[0].lower()
    if handler in ("server-status", "server-info", "ldap-status", "balancer-manager"):
        reader.note(directive.source, f"the page {handler} is not here: see `was status`")
    elif handler in ("none", "default-handler", "jakarta-servlet"):
        where.rules.handler = handler
    else:
        raise ConfigError(
            f"{directive.source}: there is no handler {directive.args[0]!r} here. Programs would be shown "
            "instead of being run: pass their paths on with ProxyPass or JkMount."
        )


def _add_handler(reader: Reader, where: Where, directive: Directive) -> None:
    if directive.args[0].lower() in ("type-map", "default-handler"):
        reader.note(directive.source, f"the handler {directive.args[0]} has no effect here")
    else:
        _set_handler(reader, where, directive)


# --- variables ---------------------------------------------------------------------------------


def _set_env(reader: Reader, where: Where, directive: Directive) -> None:
    value = directive.args[1] if len(directive.args) > 1 else ""
    where.rules.variables += (VariableRule(directive.args[0], value),)


def _unset_env(reader: Reader, where: Where, directive: Directive) -> None:
    where.rules.variables += tuple(VariableRule(name, None) for name in directive.args)


def _pass_env(reader: Reader, where: Where, directive: Directive) -> None:
    where.rules.variables += tuple(
        VariableRule(name, reader.environ[name]) for name in directive.args if name in reader.environ
    )


def _set_env_if(reader: Reader, where: Where, directive: Directive) -> None:
    name, args = directive.name.lower(), list(directive.args)
    if name.startswith("browsermatch"):
        args.insert(0, "User-Agent")
    if len(args) < 3:
        raise ConfigError(
            f"{directive.source}: {directive.name} needs something to look at, a pattern, a variable."
        )
    attribute, pattern, *rest = args
    flags = re.IGNORECASE if name.endswith("nocase") else 0
    variables: list[tuple[str, str | None]] = []
    for word in rest:
        variable, equals, value = word.partition("=")
        if word.startswith("!"):
            variables.append((word[1:], None))
        else:
            variables.append((variable, value if equals else "1"))
    rule = SetIf(attribute, regex(pattern, directive, flags), tuple(variables))
    if where.section is not None:
        where.rules.set_ifs += (rule,)
    else:
        where.server.set_ifs.append(rule)


# --- the table ---------------------------------------------------------------------------------

DIRECTIVES: Mapping[str, Row] = {
    **ACCESS,
    **BACKENDS,
    "listen": Row(_listen, 1, 2, "main"),
    "servername": Row(_server_name, place="server"),
    "serveralias": Row(_server_alias, 1, None, "server"),
    "documentroot": Row(_document_root, place="server"),
    "timeout": Row(time_value, place="server"),
    "keepalive": Row(switch_value, place="server"),
    "keepalivetimeout": Row(time_value, place="server"),
    "maxkeepaliverequests": Row(number_value, place="server"),
    "limitrequestline": Row(number_value, place="server"),
    "limitrequestfields": Row(number_value, place="server"),
    "limitrequestfieldsize": Row(number_value, place="server"),
    "limitrequestbody": Row(_body_limit),
    "allowencodedslashes": Row(value, place="server"),
    "sslengine": Row(_tls, place="server"),
    "sslcertificatefile": Row(_tls, place="server"),
    "sslcertificatekeyfile": Row(_tls, place="server"),
    **{name: Row(_mpm, place="main") for name in MPM},
    # files
    "alias": Row(_alias, 2, 2, "server"),
    "aliasmatch": Row(_alias, 2, 2, "server"),
    "scriptalias": Row(_alias, 2, 2, "server"),
    "scriptaliasmatch": Row(_alias, 2, 2, "server"),
    "redirect": Row(_redirect, 1, 3),
    "redirectmatch": Row(_redirect, 1, 3),
    "redirectpermanent": Row(_redirect, 1, 2),
    "redirecttemp": Row(_redirect, 1, 2),
    "directoryindex": Row(_directory_index, 1, None),
    "directoryslash": Row(_directory_slash),
    "options": Row(_options, 1, None),
    "allowoverride": Row(_allow_override, 1, None),
    "errordocument": Row(_error_document, 2, None),
    "header": Row(_header, 2, None),
    "requestheader": Row(_header, 2, None),
    "typesconfig": Row(_types_config, place="main"),
    "addtype": Row(_add_type, 2, None),
    "forcetype": Row(_force_type),
    "adddefaultcharset": Row(_charset),
    "sethandler": Row(_set_handler),
    "addhandler": Row(_add_handler, 2, None),
    # variables and logs
    "setenv": Row(_set_env, 1, 2),
    "unsetenv": Row(_unset_env, 1, None),
    "passenv": Row(_pass_env, 1, None),
    "setenvif": Row(_set_env_if, 3, None),
    "setenvifnocase": Row(_set_env_if, 3, None),
    "browsermatch": Row(_set_env_if, 2, None),
    "browsermatchnocase": Row(_set_env_if, 2, None),
    "logformat": Row(_log_format, 1, 2, "server"),
    "customlog": Row(_custom_log, 2, 3, "server"),
    "transferlog": Row(_custom_log, 1, 1, "server"),
}
