"""The users file: tomcat-users.xml as Tomcat reads it, and the one edit that `was user add` makes.

    <tomcat-users>
      <role rolename="manager"/>
      <group groupname="staff" roles="user"/>
      <user username="alice" password="5f2c...$210000$91e0..." roles="manager" groups="staff"/>
    </tomcat-users>

``name`` is read for ``username``, ``rolename`` and ``groupname`` too. A password is a hash
in one of Tomcat's forms (passwords.py), or clear text.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

from container.errors import ConfigError
from container.security.passwords import is_hashed

__all__ = ["User", "read_users", "remove_user", "write_user"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class User:
    """One user as stored; without a password nobody can log in as them. repr leaves the password out."""

    name: str
    password: str | None
    roles: frozenset[str]

    def __repr__(self) -> str:
        return f"User({self.name!r}, roles={sorted(self.roles)})"


def read_users(path: str) -> dict[str, User]:
    """Read all users by name. Raises ConfigError with file and line."""
    root = _parse(path)
    groups = {
        _name(path, element, "groupname"): _list(element, "roles") for element in _children(root, "group")
    }
    users: dict[str, User] = {}
    for element in _children(root, "user"):
        name = _name(path, element, "username")
        if name in users:
            raise _error(path, element, f"user {name!r} is there twice. Remove one")
        roles = set(_list(element, "roles"))
        for group in _list(element, "groups"):
            if group not in groups:
                raise _error(
                    path,
                    element,
                    f'there is no group {group!r}. Add <group groupname="{group}" roles="..."/>',
                )
            roles.update(groups[group])
        users[name] = User(name, element.get("password"), frozenset(roles))
    _warn_of_clear_text(path, root, users)
    return users


def write_user(
    path: str | os.PathLike[str], username: str, stored_password: str, roles: Sequence[str] | None = None
) -> bool:
    """Add a user to the file, or change one, and leave the rest as it is; make the file if it is missing.

    Without roles somebody who is there keeps theirs. Returns whether the user is new. The new file takes the
    old one's place at once, and only its owner can read it. Raises ConfigError.
    """
    path = os.path.realpath(path)
    root = _parse(path) if os.path.exists(path) else etree.Element("tomcat-users")
    element = _user(path, root, username)
    is_new = element is None
    if element is None:
        namespace = f"{{{uri}}}" if (uri := etree.QName(root).namespace) else ""
        element = etree.SubElement(root, f"{namespace}user")
        _indent(root, element)
    try:
        element.set("name" if "name" in element.attrib else "username", username)
        element.set("password", stored_password)
        if roles is not None or is_new:
            element.set("roles", ",".join(roles or ()))
    except ValueError:
        raise ConfigError(f"{username!r}: a name or role with characters that no XML file can hold") from None
    _replace(path, root)
    return is_new


def remove_user(path: str | os.PathLike[str], username: str) -> None:
    """Take a user out of the file and leave the rest as it is. Raises ConfigError."""
    path = os.path.realpath(path)
    root = _parse(path)
    if (element := _user(path, root, username)) is None:
        raise ConfigError(f"{path}: there is no user {username!r}. `was user list` shows all")
    before, tail = element.getprevious(), element.tail
    root.remove(element)  # with the space after it; what was before stays
    if tail is not None and element.getnext() is None:
        if before is None:
            root.text = tail
        else:
            before.tail = tail
    _replace(path, root)


def _user(path: str, root: etree._Element, username: str) -> etree._Element | None:
    return next((e for e in _children(root, "user") if _name(path, e, "username") == username), None)


def _parse(path: str) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_blank_text=False)
    try:
        with open(path, "rb") as file:
            tree = etree.parse(file, parser)
    except OSError as error:
        is_missing = isinstance(error, FileNotFoundError)
        cure = "`was user add NAME` makes it; or name another file" if is_missing else "Name another file"
        raise ConfigError(f"{path}: the users file cannot be read: {error.strerror}. {cure}") from error
    except etree.XMLSyntaxError as error:
        raise ConfigError(f"{path}:{error.lineno or 1}: the users file is no XML: {error.msg}") from error
    root = tree.getroot()
    if tree.docinfo.internalDTD is not None:
        raise ConfigError(f"{path}:1: a users file needs no DOCTYPE. Remove it")
    if etree.QName(root).localname != "tomcat-users":
        raise _error(
            path,
            root,
            f"<{etree.QName(root).localname}> where <tomcat-users> should be: is this a users file?",
        )
    return root


def _children(root: etree._Element, name: str) -> list[etree._Element]:
    return [child for child in root if isinstance(child.tag, str) and etree.QName(child).localname == name]


def _name(path: str, element: etree._Element, attribute: str) -> str:
    if name := element.get(attribute) or element.get("name"):
        return name
    raise _error(path, element, f'<{etree.QName(element).localname}> has no name. Add {attribute}="..."')


def _list(element: etree._Element, attribute: str) -> list[str]:
    return [item.strip() for item in element.get(attribute, "").split(",") if item.strip()]


def _error(path: str, element: etree._Element, message: str) -> ConfigError:
    return ConfigError(f"{path}:{element.sourceline or 1}: {message}")


def _warn_of_clear_text(path: str, root: etree._Element, users: dict[str, User]) -> None:
    """Tomcat's own files are taken as they are; elsewhere a readable password is probably an oversight."""
    if etree.QName(root).namespace is not None:
        return
    clear = [user.name for user in users.values() if user.password and not is_hashed(user.password)]
    if clear:
        log.warning(
            "%s: passwords in clear text: %s. `was user add` stores a hash instead", path, ", ".join(clear)
        )


def _indent(root: etree._Element, element: etree._Element) -> None:
    before = element.getprevious()
    if before is None:
        root.text = "\n  "
    else:
        before.tail = "\n  "
    element.tail = "\n"


def _replace(path: str, root: etree._Element) -> None:
    """Write the file anew, beside it at first; it keeps its owner, if that is possible."""
    nodes = [*reversed([*root.itersiblings(preceding=True)]), root, *root.itersiblings()]
    texts = [etree.tostring(node, encoding="unicode", with_tail=False) for node in nodes]
    content = "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', *texts, ""]).encode()
    folder = os.path.dirname(path)
    temporary = None
    try:
        os.makedirs(folder, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=".users-")  # readable by its owner only
        with open(handle, "wb") as file:
            with contextlib.suppress(OSError):
                owner = os.stat(path)
                os.fchown(handle, owner.st_uid, owner.st_gid)
            file.write(content)
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
        raise ConfigError(f"{path}: the users file cannot be written: {error.strerror}") from error
