"""5xx: constraints, roles, logins, the session's cookie."""

from __future__ import annotations

from container.learn.lint.rules.rule import CART, CART_MAPPING, Example, Rule, xml

__all__ = ["RULES"]


def _constraint(path: str = "/cart", methods: str = "", auth: str = "clerk", more: str = "") -> str:
    role = f"<auth-constraint><role-name>{auth}</role-name></auth-constraint>\n" if auth else ""
    lines = "".join(f"    {line}\n" for line in methods.splitlines())
    return (
        "<security-constraint>\n  <web-resource-collection>\n    "
        "<web-resource-name>orders</web-resource-name>\n"
        f"    <url-pattern>{path}</url-pattern>\n{lines}  </web-resource-collection>\n"
        f"  {role}{more}</security-constraint>\n"
    )


_BASIC = "<login-config><auth-method>BASIC</auth-method></login-config>\n"
_FORM = """
    <login-config>
      <auth-method>FORM</auth-method>
      <form-login-config>
        <form-login-page>/login.html</form-login-page>
        <form-error-page>/login.html</form-error-page>
      </form-login-config>
    </login-config>
    """
_CLERK = "<security-role><role-name>clerk</role-name></security-role>\n"
_CONFIDENTIAL = (
    "  <user-data-constraint><transport-guarantee>CONFIDENTIAL</transport-guarantee></user-data-constraint>\n"
)
_SECURE = "<session-config><cookie-config><secure>true</secure></cookie-config></session-config>\n"
_PAGE = {"login.html": '<form method="post" action="j_security_check"><input name="j_username">...</form>\n'}


def _app(*parts: str) -> Example:
    return xml(CART, CART_MAPPING, *parts)


_SOUND = _app(_constraint(), _BASIC, _CLERK)

RULES = (
    Rule(
        "WAS501",
        "warning",
        "A role is used, but not declared",
        "Nobody can have a role by a typing error. In a <role-link> it is an error.",
        "Declare it with <security-role>, or correct the name.",
        _app(_constraint(auth="clark"), _BASIC, _CLERK, _constraint("/office/*")),
        _app(_constraint(auth="clerk"), _BASIC, _CLERK, _constraint("/office/*")),
    ),
    Rule(
        "WAS502",
        "note",
        "A role is declared, but not used",
        "No constraint asks for it, no servlet refers to it, and the code does not have it in quotes.",
        "Name it in an <auth-constraint> or in isUserInRole(), or remove it.",
        _app(_constraint(), _BASIC, _CLERK, _CLERK.replace("clerk", "boss")),
        _SOUND,
    ),
    Rule(
        "WAS503",
        "warning",
        "A login is needed, but nothing says how",
        "Without <login-config> nobody can log in: every request to the constrained paths gets 403.",
        "Add <login-config> with an <auth-method>.",
        _app(_constraint(), _CLERK),
        _SOUND,
    ),
    Rule(
        "WAS504",
        "warning",
        "A constraint leaves HTTP methods open",
        "A list of <http-method> protects these methods only. A request with PUT, or with a method that "
        "nobody has "
        "heard of, passes without a login.",
        "Leave <http-method> out, or add <deny-uncovered-http-methods/>.",
        _app(
            _constraint(methods="<http-method>GET</http-method>\n<http-method>POST</http-method>"),
            _BASIC,
            _CLERK,
        ),
        _SOUND,
    ),
    Rule(
        "WAS505",
        "error",
        "A FORM login has no pages",
        "FORM shows a page of the web app, so the descriptor has to name it.",
        "Add <form-login-config> with <form-login-page> and <form-error-page>.",
        _app(_constraint(), _BASIC.replace("BASIC", "FORM"), _CLERK),
        _app(_constraint(), _FORM, _CLERK) | _PAGE,
    ),
    Rule(
        "WAS506",
        "warning",
        "form-login-config without a FORM login",
        "With BASIC and DIGEST the browser asks; the pages are never shown.",
        "Write FORM, or remove <form-login-config>.",
        _app(_constraint(), _FORM.replace("FORM", "BASIC"), _CLERK) | _PAGE,
        _app(_constraint(), _FORM, _CLERK) | _PAGE,
    ),
    Rule(
        "WAS507",
        "error",
        "The login page does not exist",
        "Whoever should log in gets 404.",
        "Write the page, or correct its path.",
        _app(
            _constraint(),
            _FORM.replace("<form-login-page>/login.html", "<form-login-page>/signin.html"),
            _CLERK,
        )
        | _PAGE,
        _app(_constraint(), _FORM, _CLERK) | _PAGE,
    ),
    Rule(
        "WAS508",
        "warning",
        "The login page needs a login itself",
        "The page itself is always shown. Style sheets and images beside it are under the same constraint: a "
        "browser gets the login page in their place, and after the login it is sent to the one that it asked "
        "for "
        "last.",
        "Constrain a path of its own, such as /office/*, and leave the login page outside.",
        _app("<!-- was: ignore WAS607 -->", _constraint("/*"), _FORM, _CLERK) | _PAGE,
        _app(_constraint("/cart"), _FORM, _CLERK) | _PAGE,
    ),
    Rule(
        "WAS509",
        "error",
        "A constraint protects nothing",
        "A <web-resource-collection> without <url-pattern> matches no path.",
        "Add the <url-pattern> that is meant; /* is everything.",
        _app(
            _constraint(),
            _constraint("/office/*").replace("    <url-pattern>/office/*</url-pattern>\n", ""),
            _BASIC,
            _CLERK,
        ),
        _app(_constraint(), _constraint("/office/*"), _BASIC, _CLERK),
    ),
    Rule(
        "WAS510",
        "error",
        "http-method and http-method-omission exclude each other",
        "The one names the methods that a collection is about, the other those that it is not about.",
        "Keep one kind.",
        _app(
            _constraint(
                methods="<http-method>GET</http-method>\n<http-method-omission>POST</http-method-omission>"
            ),
            _BASIC,
            _CLERK,
            "<deny-uncovered-http-methods/>",
        ),
        _app(
            _constraint(methods="<http-method>GET</http-method>"),
            _BASIC,
            _CLERK,
            "<deny-uncovered-http-methods/>",
        ),
    ),
    Rule(
        "WAS511",
        "warning",
        "An http-method is not the one that is meant",
        "Methods are written in capitals; get is another one, which no browser sends. What cannot be a "
        "method at "
        "all is an error.",
        "Write it in capitals.",
        _app(
            _constraint(methods="<http-method>get</http-method>"),
            _BASIC,
            _CLERK,
            "<deny-uncovered-http-methods/>",
        ),
        _app(
            _constraint(methods="<http-method>GET</http-method>"),
            _BASIC,
            _CLERK,
            "<deny-uncovered-http-methods/>",
        ),
    ),
    Rule(
        "WAS512",
        "warning",
        "The session's cookie travels unencrypted in spite of CONFIDENTIAL",
        "Some paths need HTTPS, others do not: at those the browser sends the session's cookie in the clear, "
        "and "
        "whoever reads it is logged in.",
        "Write <secure>true</secure> in <cookie-config>, or make all paths CONFIDENTIAL.",
        _app("<!-- was: ignore WAS514 -->", _constraint(more=_CONFIDENTIAL), _BASIC, _CLERK),
        _app("<!-- was: ignore WAS514 -->", _constraint(more=_CONFIDENTIAL), _BASIC, _CLERK, _SECURE),
    ),
    Rule(
        "WAS513",
        "warning",
        "Scripts can read the session's cookie",
        "One script that somebody smuggles into a page can send it away.",
        "Write <http-only>true</http-only>, or leave it out.",
        _app(_SECURE.replace("secure>", "http-only>").replace("true", "false")),
        _app(_SECURE.replace("secure>", "http-only>")),
    ),
    Rule(
        "WAS514",
        "note",
        "CONFIDENTIAL needs a port for TLS",
        "A request over HTTP is sent to HTTPS. The settings that hold here (flags are not known, the "
        "environment "
        "and ./was.toml are) name neither --tls-port nor --redirect-port: such requests get 403.",
        "Start with --tls-port and --tls-certificate, or behind a front with --redirect-port.",
        _app(_constraint(more=_CONFIDENTIAL), _BASIC, _CLERK, _SECURE),
        _app("<!-- was: ignore WAS514 -->", _constraint(more=_CONFIDENTIAL), _BASIC, _CLERK, _SECURE),
    ),
    Rule(
        "WAS515",
        "warning",
        "Nobody can log in",
        "There is no users file or database, or the auth-method is not supported: what needs a login answers "
        "403.",
        "Add users with `was user add`, or use a method that is supported.",
        _SOUND,
        xml("<display-name>Shop</display-name>"),
        at_start=True,
    ),
    Rule(
        "WAS516",
        "note",
        "A constraint lets nobody pass",
        "An <auth-constraint> without a role means nobody, not everybody.",
        "If that is not meant, name a role, ** for whoever has logged in, or leave the element out.",
        _app(
            _constraint(auth="").replace(
                "</web-resource-collection>\n", "</web-resource-collection>\n  <auth-constraint/>\n"
            )
        ),
        _app(_constraint(auth="**"), _BASIC),
    ),
    Rule(
        "WAS517",
        "warning",
        "A web-resource-collection has no name",
        "The schema wants one; it is free text, and stricter containers refuse the file.",
        "Add <web-resource-name>.",
        _app(
            _constraint().replace("    <web-resource-name>orders</web-resource-name>\n", ""), _BASIC, _CLERK
        ),
        _SOUND,
    ),
)
