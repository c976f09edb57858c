"""Elements -> values, and what is wrong with the text of one element."""

from __future__ import annotations

import dataclasses

import pytest

from container.descriptor.model import (
    CookieConfig,
    ErrorPage,
    FilterMapping,
    FormLoginConfig,
    InjectionTarget,
    JspConfig,
    LocaleEncodingMapping,
    MimeMapping,
    MultipartConfig,
    Ordering,
    OrderingNames,
    Param,
    PlatformElement,
    RunAs,
    SecurityRoleRef,
    Servlet,
    ServletMapping,
    Text,
    WebApp,
    WelcomeFile,
)
from container.errors import Problem, Source


def at(line: int, column: int) -> Source:
    return Source("web.xml", line, column)


SERVLET = "<servlet><servlet-name>a</servlet-name><servlet-class>shop.A</servlet-class>{}</servlet>"
MAPPING = "<servlet-mapping><servlet-name>a</servlet-name>{}</servlet-mapping>"


# --- values ---------------------------------------------------------------------------------------------


def test_an_empty_descriptor(read_well) -> None:
    web_app = read_well("")
    assert web_app == WebApp(at(1, 1), version="6.1")


def test_values_are_frozen(read_well) -> None:
    web_app = read_well("<distributable/>")
    with pytest.raises(dataclasses.FrozenInstanceError):
        web_app.distributable = False


def test_dd_desc_02_descriptive_elements_with_languages(read_well) -> None:  # DD-DOC-28
    web_app = read_well(
        "<description>\n one\n  two </description><display-name> The\n Shop</display-name>"
        '<display-name xml:lang="de">Laden</display-name>'
        "<icon><small-icon>/s.png</small-icon></icon><icon><large-icon>/l.png</large-icon></icon>"
    )
    assert web_app.about.descriptions == (Text("one\n  two", at(2, 1)),)
    assert [(text.value, text.lang) for text in web_app.about.display_names] == [
        ("The Shop", "en"),
        ("Laden", "de"),
    ]
    assert web_app.about.icons == (("/s.png", None), (None, "/l.png"))


@pytest.mark.parametrize(
    ("inside", "field", "value"),
    [
        ("<module-name> shop </module-name>", "module_name", "shop"),
        ("<distributable/>", "distributable", True),
        ("<distributable/><distributable/>", "distributable", True),  # DD-DOC-25
        ("<deny-uncovered-http-methods/>", "deny_uncovered_http_methods", True),
        ("<default-context-path>/a/b</default-context-path>", "default_context_path", "/a/b"),  # DD-CTX-01
        ("<default-context-path/>", "default_context_path", ""),  # DD-CTX-02
        (
            "<request-character-encoding>UTF-8</request-character-encoding>",
            "request_character_encoding",
            "UTF-8",
        ),
        (
            "<response-character-encoding>utf-16</response-character-encoding>",
            "response_character_encoding",
            "utf-16",
        ),
        ("<welcome-file-list/>", "welcome_files", ()),
        ("", "welcome_files", None),  # DD-WEL-04
    ],
)
def test_simple_children_of_the_root(read_well, inside: str, field: str, value: object) -> None:
    assert getattr(read_well(inside), field) == value


def test_dd_cp_01_context_params(read_well) -> None:
    web_app = read_well(
        "<context-param><description>d</description><param-name> a\n b </param-name>"
        "<param-value>\n x  y\n</param-value></context-param>\n"
        "<context-param><param-name>c</param-name><param-value/></context-param>"
    )
    assert web_app.context_params == (
        Param("a b", "x  y", at(2, 1)),
        Param("c", "", at(6, 1)),
    )  # DD-CP-03, DD-DOC-11


def test_a_whole_servlet(read_well) -> None:
    web_app = read_well(
        """<servlet>
  <description>d</description>
  <servlet-name>cart</servlet-name>
  <servlet-class>shop.cart:CartServlet</servlet-class>
  <init-param><param-name>p</param-name><param-value>1</param-value></init-param>
  <load-on-startup>+3</load-on-startup>
  <enabled>false</enabled>
  <async-supported>true</async-supported>
  <run-as><description/><role-name>boss</role-name></run-as>
  <security-role-ref><role-name>r</role-name><role-link>boss</role-link></security-role-ref>
  <security-role-ref><role-name>s</role-name></security-role-ref>
  <multipart-config><location>/tmp/up load</location><max-file-size>-1</max-file-size>
    <max-request-size>9000000000</max-request-size><file-size-threshold>0</file-size-threshold></multipart-config>
</servlet>"""
    )
    (servlet,) = web_app.servlets
    about = dataclasses.replace(servlet.about, descriptions=())
    assert servlet.about.descriptions == (Text("d", at(3, 3)),)
    assert dataclasses.replace(servlet, about=about) == Servlet(
        "cart",
        at(2, 1),
        servlet_class="shop.cart:CartServlet",
        init_params=(Param("p", "1", at(6, 3)),),
        load_on_startup=3,
        enabled=False,
        async_supported=True,
        run_as=RunAs("boss", at(10, 3)),
        security_role_refs=(SecurityRoleRef("r", "boss", at(11, 3)), SecurityRoleRef("s", None, at(12, 3))),
        multipart_config=MultipartConfig(at(13, 3), "/tmp/up load", -1, 9_000_000_000, 0),
    )


def test_dd_srv_11_empty_load_on_startup_is_last(read_well) -> None:
    (servlet,) = read_well(SERVLET.format("<load-on-startup/>")).servlets
    assert servlet.load_on_startup == Servlet.LOAD_LAST


def test_dd_srv_04_a_servlet_may_be_preliminary(read_well) -> None:
    assert read_well("<servlet><servlet-name>a</servlet-name></servlet>").servlets[0].servlet_class is None
    assert (
        read_well("<filter><filter-name>a</filter-name></filter>").filters[0].filter_class is None
    )  # DD-FLT-03


def test_dd_srv_07_the_first_of_equal_init_params_counts(read) -> None:
    param = "\n<init-param><param-name>p</param-name><param-value>{}</param-value></init-param>"
    web_app, (problem,) = read(SERVLET.format(param.format(1) + param.format(2)))
    assert [param.value for param in web_app.servlets[0].init_params] == ["1"]
    assert str(problem).startswith(
        'web.xml:4:1: warning: <init-param> "p" is given twice; that of line 3 counts.'
    )


def test_dd_sm_01_a_mapping_for_each_pattern(read_well) -> None:
    web_app = read_well(MAPPING.format("\n<url-pattern>\n  /a b </url-pattern>\n<url-pattern></url-pattern>"))
    assert web_app.servlet_mappings == (  # DD-DOC-12, DD-UP-12, DD-UP-02
        ServletMapping("a", "/a b", at(3, 1)),
        ServletMapping("a", "", at(5, 1)),
    )


def test_dd_fm_03_a_filter_mapping_for_each_target_in_order(read_well) -> None:
    web_app = read_well(
        "<filter-mapping><filter-name>f</filter-name>\n<servlet-name>*</servlet-name>"
        "<url-pattern>/x</url-pattern>"
        "<servlet-name>s</servlet-name><dispatcher>ERROR</dispatcher><dispatcher>ERROR</dispatcher>"
        "<dispatcher>ASYNC</dispatcher></filter-mapping>"
    )
    on = frozenset({"ERROR", "ASYNC"})  # DD-FM-07, DD-FM-08
    assert web_app.filter_mappings == (
        FilterMapping("f", at(3, 1), servlet_name="*", dispatchers=on),
        FilterMapping("f", at(3, 31), url_pattern="/x", dispatchers=on),
        FilterMapping("f", at(3, 60), servlet_name="s", dispatchers=on),
    )


def test_dd_fm_07_no_dispatcher_means_request(read_well) -> None:
    inside = "<filter-mapping><filter-name>f</filter-name><url-pattern>/x</url-pattern></filter-mapping>"
    assert read_well(inside).filter_mappings[0].dispatchers == {"REQUEST"}


def test_dd_ses_session_config(read_well) -> None:
    web_app = read_well(
        "<session-config><session-timeout>-5</session-timeout><cookie-config><name>S</name><domain>d</domain>"
        "<path>/p</path><http-only>true</http-only><secure>false</secure><max-age>60</max-age>\n"
        "<attribute><attribute-name>Partitioned</attribute-name><attribute-value/></attribute>"
        "</cookie-config>"
        "<tracking-mode>COOKIE</tracking-mode><tracking-mode>URL</tracking-mode></session-config>"
    )
    config = web_app.session_config
    assert config is not None
    assert config.timeout_minutes == -5
    assert config.tracking_modes == ("COOKIE", "URL")
    assert config.cookie_config == CookieConfig(
        at(2, 54), "S", "d", "/p", None, True, False, 60, (Param("Partitioned", "", at(3, 1)),)
    )


def test_dd_mime_01_mime_mapping(read_well) -> None:
    inside = (
        "<mime-mapping><extension>txt</extension>"
        "<mime-type>text/plain;charset=UTF-8</mime-type></mime-mapping>"
    )
    assert read_well(inside).mime_mappings == (MimeMapping("txt", "text/plain;charset=UTF-8", at(2, 1)),)


def test_dd_wel_01_welcome_file_lists_are_joined(read_well) -> None:  # DD-DOC-24
    one = "<welcome-file-list><welcome-file>{}</welcome-file></welcome-file-list>"
    web_app = read_well(one.format("a.html") + "\n" + one.format("b/./c.html"), "6.2")
    assert web_app.welcome_files == (WelcomeFile("a.html", at(2, 20)), WelcomeFile("b/c.html", at(3, 20)))


def test_dd_wel_07_welcome_servlet(read_well) -> None:
    web_app = read_well(
        "<welcome-file-list><welcome-servlet>x.do</welcome-servlet><welcome-file>a</welcome-file>"
        "</welcome-file-list>",
        "6.2",
    )
    assert web_app.welcome_files == (WelcomeFile("x.do", at(2, 20), True), WelcomeFile("a", at(2, 59)))


@pytest.mark.parametrize(
    ("location", "canonical"),
    [  # DD-DOC-14, DD-DOC-15, DD-EP-05
        ("/err", "/err"),
        ("/a/../b", "/b"),
        ("/a/./b?x=../y", "/a/b?x=../y"),
        ("/a%20b", "/a%20b"),
        ("/a/..", "/"),
        ("/a/.", "/a/"),
    ],
)
def test_dd_ep_05_locations(read_well, location: str, canonical: str) -> None:
    (page,) = read_well(f"<error-page><location>{location}</location></error-page>").error_pages
    assert page == ErrorPage(canonical, at(2, 1))


@pytest.mark.parametrize(
    ("which", "code", "exception"),
    [
        ("<error-code>404</error-code>", 404, None),
        ("<exception-type>builtins.ValueError</exception-type>", None, "builtins.ValueError"),
        (
            "<exception-type>javax.servlet.ServletException</exception-type>",
            None,
            "jakarta.servlet.ServletException",
        ),
    ],
)
def test_dd_ep_01_error_pages(
    read_well, which: str, code: int | None, exception: str | None
) -> None:  # DD-VER-05
    (page,) = read_well(f"<error-page>{which}<location>/e</location></error-page>").error_pages
    assert (page.error_code, page.exception_type) == (code, exception)


def test_dd_sec_security(read_well) -> None:
    web_app = read_well(
        """<security-constraint><display-name>n</display-name>
<web-resource-collection><web-resource-name>w</web-resource-name><description/><url-pattern>/a/*</url-pattern>
<http-method>GET</http-method><http-method>PURGE</http-method></web-resource-collection>
<web-resource-collection><web-resource-name>v</web-resource-name><url-pattern>/b</url-pattern>
<http-method-omission>GET</http-method-omission></web-resource-collection>
<auth-constraint><role-name>**</role-name></auth-constraint>
<user-data-constraint><transport-guarantee>CONFIDENTIAL</transport-guarantee></user-data-constraint>
</security-constraint>
<security-constraint><web-resource-collection><web-resource-name>n</web-resource-name><url-pattern>/n</url-pattern>
</web-resource-collection><auth-constraint/></security-constraint>
<login-config><auth-method>FORM</auth-method><realm-name>The  realm</realm-name><form-login-config>
<form-login-page>/in</form-login-page><form-error-page>/x/../no</form-error-page></form-login-config></login-config>
<security-role><role-name>a</role-name></security-role>"""
    )
    first, second = web_app.security_constraints
    one, two = first.collections
    assert (one.name, one.url_patterns, one.http_methods, one.source) == (
        "w",
        ("/a/*",),
        ("GET", "PURGE"),
        at(3, 1),
    )
    assert (two.http_methods, two.http_method_omissions) == ((), ("GET",))
    assert first.auth_constraint is not None
    assert first.auth_constraint.role_names == ("**",)
    assert first.user_data_constraint is not None
    assert first.user_data_constraint.transport_guarantee == "CONFIDENTIAL"
    assert second.auth_constraint is not None
    assert second.auth_constraint.role_names == ()  # DD-SEC-07: nobody
    login = web_app.login_config
    assert login is not None
    assert (login.auth_method, login.realm_name) == ("FORM", "The realm")
    assert login.form == FormLoginConfig("/in", "/no", at(12, 81))
    assert [role.name for role in web_app.security_roles] == ["a"]


def test_dd_loc_locales(read_well) -> None:
    inside = "".join(
        f"<locale-encoding-mapping-list><locale-encoding-mapping><locale>{locale}</locale>"
        "<encoding>Shift_JIS</encoding></locale-encoding-mapping></locale-encoding-mapping-list>\n"
        for locale in ("ja", "ja_JP", "pt-BR")
    )
    mappings = read_well(inside).locale_encoding_mappings
    assert mappings[0] == LocaleEncodingMapping("ja", "Shift_JIS", at(2, 31))
    assert [mapping.locale for mapping in mappings] == ["ja", "ja_JP", "pt-BR"]


def test_dd_jsp_02_values_stay_text(read_well) -> None:
    web_app = read_well(
        "<jsp-config><taglib><taglib-uri>u</taglib-uri><taglib-location>x.tld</taglib-location></taglib>"
        "<jsp-property-group><url-pattern>*.jsp</url-pattern><el-ignored>true</el-ignored>"
        "<include-prelude>/a/../p</include-prelude><include-prelude>/q</include-prelude>"
        "</jsp-property-group></jsp-config>"
    )
    config = web_app.jsp_config
    assert config is not None
    assert [(taglib.uri, taglib.location) for taglib in config.taglibs] == [("u", "x.tld")]
    (group,) = config.property_groups
    assert (group.url_patterns, group.el_ignored, group.is_xml) == (("*.jsp",), "true", None)
    assert group.include_preludes == ("/p", "/q")


TAIL = (
    "<mapped-name>m</mapped-name><injection-target><injection-target-class>shop.A</injection-target-class>"
    "<injection-target-name>x</injection-target-name></injection-target><lookup-name>l</lookup-name>"
)


@pytest.mark.parametrize(
    ("inside", "field"),
    [  # DD-ENV-01, DD-RES-01
        ("<env-entry><env-entry-name>n</env-entry-name>{}</env-entry>", "env_entries"),
        ("<resource-ref><res-ref-name>n</res-ref-name>{}</resource-ref>", "resource_refs"),
        (
            "<resource-env-ref><resource-env-ref-name>n</resource-env-ref-name>{}</resource-env-ref>",
            "resource_env_refs",
        ),
    ],
)
def test_environment_references(read_well, inside: str, field: str) -> None:
    (value,) = getattr(read_well(inside.format(TAIL)), field)
    assert (value.name, value.mapped_name, value.lookup_name, value.source) == ("n", "m", "l", at(2, 1))
    (target,) = value.injection_targets
    assert (target.target_class, target.target_name) == ("shop.A", "x")
    assert isinstance(target, InjectionTarget)


def test_dd_ds_and_dd_mail_keep_values_by_name(read_well) -> None:
    web_app = read_well(
        "<data-source><name>d</name><class-name>sqlite3</class-name><port-number>80</port-number>"
        "<property><name>p</name><value>v</value></property><transactional>true</transactional>"
        "</data-source>\n"
        "<mail-session><name>m</name><host>h</host><from>a@b</from></mail-session>"
    )
    (source,) = web_app.data_sources
    assert (source.name, dict(source.values)) == (
        "d",
        {"class-name": "sqlite3", "port-number": "80", "transactional": "true"},
    )
    assert [(p.name, p.value) for p in source.properties] == [("p", "v")]
    (mail,) = web_app.mail_sessions
    assert (mail.name, mail.values) == ("m", (("host", "h"), ("from", "a@b")))


PLATFORM = {
    "ejb-ref": "<ejb-ref-name>n</ejb-ref-name><ejb-ref-type>Session</ejb-ref-type><home>h</home>",
    "ejb-local-ref": "<ejb-ref-name>n</ejb-ref-name><local>l</local>",
    "service-ref": "<service-ref-name>n</service-ref-name><service-interface>i</service-interface>"
    "<handler-chains><handler-chain><x/></handler-chain></handler-chains>",
    "persistence-context-ref": "<persistence-context-ref-name>n</persistence-context-ref-name>"
    "<persistence-property><name>a</name><value>b</value></persistence-property>",
    "persistence-unit-ref": "<persistence-unit-ref-name>n</persistence-unit-ref-name>",
    "message-destination-ref": "<message-destination-ref-name>n"
    "</message-destination-ref-name>"
    "<message-destination-usage>Consumes</message-destination-usage>",
    "message-destination": "<message-destination-name>n</message-destination-name>"
    "<lookup-name>l</lookup-name>",
    "jms-connection-factory": "<name>n</name><interface-name>i</interface-name>",
    "jms-destination": "<name>n</name><interface-name>i</interface-name>",
    "connection-factory": "<name>n</name><transaction-support>XATransaction</transaction-support>",
    "administered-object": "<name>n</name><class-name>c</class-name>",
    "context-service": "<name>n</name><qualifier>q</qualifier><cleared>a</cleared><cleared>b</cleared>",
    "managed-executor": "<name>n</name><max-async>4</max-async><virtual>true</virtual>",
    "managed-scheduled-executor": "<name>n</name><hung-task-threshold>9</hung-task-threshold>",
    "managed-thread-factory": "<name>n</name><priority>5</priority>",
}


@pytest.mark.parametrize("kind", PLATFORM)
def test_dd_ee_01_platform_elements_are_kept(read_well, kind: str) -> None:
    (element,) = read_well(f"<{kind}>{PLATFORM[kind]}</{kind}>").platform_elements
    assert isinstance(element, PlatformElement)
    assert (element.kind, element.name, element.source) == (kind, "n", at(2, 1))


def test_dd_ee_01_platform_elements_keep_their_text(read_well) -> None:
    (element,) = read_well(
        f"<context-service>{PLATFORM['context-service']}</context-service>"
    ).platform_elements
    assert element.values == (("qualifier", "q"), ("cleared", "a"), ("cleared", "b"))


def test_dd_inj_03_callbacks(read_well) -> None:
    method = "<lifecycle-callback-method>go</lifecycle-callback-method>"
    web_app = read_well(f"<post-construct>{method}</post-construct><pre-destroy>{method}</pre-destroy>")
    assert (web_app.post_constructs[0].method, web_app.pre_destroys[0].callback_class) == ("go", None)


def test_dd_ord_absolute_ordering(read) -> None:
    web_app, (problem,) = read(
        "<absolute-ordering><name>a</name><others/><name>b</name><name>a</name></absolute-ordering>"
    )
    assert web_app.absolute_ordering is not None
    assert web_app.absolute_ordering.names == ("a", None, "b")  # DD-ORD-07
    assert problem.severity == "warning"
    assert read("<absolute-ordering/>")[0].absolute_ordering.names == ()  # DD-ORD-08


def test_dd_frg_a_fragment(read_well) -> None:
    web_app = read_well(
        "<name>shop_common</name>\n<ordering><before><others/></before><after><name>x</name>"
        "<name>y</name></after>"
        "</ordering>" + SERVLET.format(""),
        fragment=True,
    )
    assert web_app.fragment
    assert web_app.name == "shop_common"
    assert web_app.ordering == Ordering(
        at(3, 1), OrderingNames(at(3, 11), (), True), OrderingNames(at(3, 37), ("x", "y"), False)
    )
    assert web_app.servlets[0].name == "a"


@pytest.mark.parametrize(
    ("inside", "fragment"),
    [  # DD-FRG-01, DD-FRG-02
        ("<ordering/>", False),
        ("<name>x</name>", False),
        ("<module-name>x</module-name>", True),
        ("<default-context-path>nonsense</default-context-path>", True),
        ("<request-character-encoding>nonsense</request-character-encoding>", True),
        ("<response-character-encoding>nonsense</response-character-encoding>", True),
        ("<deny-uncovered-http-methods/>", True),
        ("<absolute-ordering/>", True),
    ],
)
def test_dd_frg_01_children_of_the_other_root_are_ignored(read, inside: str, fragment: bool) -> None:
    web_app, (problem,) = read(inside, fragment=fragment)
    assert web_app == WebApp(at(1, 1), fragment=fragment)
    assert problem.severity == "warning"
    assert "and is ignored. It belongs in <web-" in str(problem)


def test_dd_jsp_root_taglibs_of_2_3_become_a_jsp_config(read_well) -> None:
    taglib = "<taglib><taglib-uri>u</taglib-uri><taglib-location>/l</taglib-location></taglib>"
    config = read_well(taglib, "2.3").jsp_config
    assert isinstance(config, JspConfig)
    assert config.source == at(2, 1)
    assert config.taglibs[0].uri == "u"


# --- problems -------------------------------------------------------------------------------------------

PROBLEMS = [  # » stands where the problem is
    (
        "DD-DOC-13",
        "<error-page>»<location>/a\n/b</location></error-page>",
        '<location> "/a\\n/b" contains a line break',
    ),
    (
        "DD-DOC-13",
        "<welcome-file-list>»<welcome-file>a&#13;b</welcome-file></welcome-file-list>",
        '<welcome-file> "a\\rb" contains a line break. Write it on one line',
    ),
    (
        "DD-DOC-16",
        "<error-page>»<location>/../x</location></error-page>",
        '<location> "/../x" leads out of the web app',
    ),
    (
        "DD-DOC-16",
        "<welcome-file-list>»<welcome-file>../x</welcome-file></welcome-file-list>",
        '<welcome-file> "../x" leads out of the web app',
    ),
    (
        "DD-DOC-17",
        "<servlet><servlet-name>a</servlet-name>»<jsp-file>x.jsp</jsp-file></servlet>",
        '<jsp-file> "x.jsp" does not begin with "/". Write "/x.jsp".',
    ),
    (
        "DD-DOC-18",
        "<servlet><servlet-name>a</servlet-name><servlet-class>shop.A</servlet-class>"
        "»<enabled>TRUE</enabled></servlet"
        ">",
        '<enabled> "TRUE" is not true or false. Write true: the case counts',
    ),
    (
        "DD-DOC-19",
        "<servlet><servlet-name>a</servlet-name><servlet-class>shop.A</servlet-class>"
        "»<async-supported>1</async-supported></servlet"
        ">",
        '<async-supported> "1" is not true or false',
    ),
    (
        "DD-DOC-22",
        "»<servlt/>",
        "<servlt> is unknown in <web-app>. Did you mean <servlet>?",
    ),
    (
        "DD-DOC-22",
        "<servlet><servlet-name>a</servlet-name><servlet-class>shop.A</servlet-class>»<servlet-nam/></servlet"
        ">",
        "<servlet-nam> is unknown in <servlet>. Did you mean <servlet-name>?",
    ),
    (
        "DD-DOC-22",
        "»<zzz/>",
        "<zzz> is unknown in <web-app>. Remove it, or give it a namespace of its own.",
    ),
    (
        "DD-DOC-22",
        "»<url-pattern>/x</url-pattern>",
        "<url-pattern> does not belong in <web-app>. It belongs in <filter-mapping> or <servlet-mapping> or",
    ),
    (
        "DD-DOC-22",
        "<display-name>a»<b/></display-name>",
        "<b> stands in <display-name>, which holds text only",
    ),
    (
        "DD-DOC-23",
        "<session-config/>\n»<session-config/>",
        "<session-config> may stand in a file only once (first in line 2)",
    ),
    (
        "DD-DOC-23",
        "<jsp-config/>\n»<jsp-config/>",
        "<jsp-config> may stand in a file only once",
    ),
    (
        "DD-DOC-23",
        "<login-config/>\n»<login-config/>",
        "<login-config> may stand in a file only once",
    ),
    (
        "DD-DOC-26",
        "<absolute-ordering/>\n»<absolute-ordering/>",
        "<absolute-ordering> may stand in a file only once",
    ),
    (
        "DD-CTX-02",
        "»<default-context-path>/</default-context-path>",
        "Leave it empty for the root of the server.",
    ),
    (
        "DD-CTX-02",
        "»<default-context-path>a/</default-context-path>",
        'must not end with it. Write "/a".',
    ),
    (
        "DD-CTX-05",
        "»<request-character-encoding>x-y</request-character-encoding>",
        '<request-character-encoding> Python knows no encoding "x-y"',
    ),
    (
        "DD-CTX-05",
        "»<response-character-encoding>rot13</response-character-encoding>",
        'knows no encoding "rot13"',
    ),
    (
        "DD-CP-02",
        "<context-param>»<param-name> </param-name><param-value/></context-param>",
        "<param-name> is empty",
    ),
    (
        "DD-CP-04",
        "»<context-param><param-value/></context-param>",
        "<context-param> has no <param-name>. Add",
    ),
    (
        "DD-CP-04",
        "»<context-param><param-name>a</param-name></context-param>",
        "<context-param> has no <param-value>",
    ),
    (
        "DD-SRV-01",
        "»<servlet/>",
        "<servlet> has no <servlet-name>",
    ),
    (
        "DD-SRV-03",
        "<servlet><servlet-name>a</servlet-name>»<servlet-class>a b</servlet-class></servlet>",
        "is no class name",
    ),
    (
        "DD-SRV-12",
        "<servlet><servlet-name>a</servlet-name><servlet-class>shop.A</servlet-class>"
        "»<load-on-startup>soon</load-on-startup></servlet"
        ">",
        '"soon" is not a whole number. Write digits',
    ),
    (
        "DD-MP-05",
        "<servlet><servlet-name>a</servlet-name><servlet-class>shop.A</servlet-class>"
        "<multipart-config>»<max-file-size>5MB</max-file-size></multipart-config></servlet>",
        '<max-file-size> "5MB" is not a whole number of bytes',
    ),
    (
        "DD-MP-05",
        "<servlet><servlet-name>a</servlet-name><servlet-class>shop.A</servlet-class>"
        "<multipart-config>»<file-size-threshold>3000000000</file-size-threshold>"
        "</multipart-config></servlet>",
        "<file-size-threshold> 3000000000 is out of range. Write a whole number of bytes from"
        " -2147483648 to 2147483647.",
    ),
    (
        "DD-SM-02",
        "»<servlet-mapping><servlet-name>a</servlet-name></servlet-mapping>",
        "<servlet-mapping> has no <url-pattern>",
    ),
    (
        "DD-FM-02",
        "»<filter-mapping><filter-name>f</filter-name></filter-mapping>",
        "<filter-mapping> has neither <url-pattern> nor <servlet-name>",
    ),
    (
        "DD-FM-06",
        "<filter-mapping><filter-name>f</filter-name><url-pattern>/x</url-pattern>"
        "»<dispatcher>request</dispatcher></filter-mapping"
        ">",
        '<dispatcher> "request" is not FORWARD, INCLUDE, REQUEST, ASYNC or ERROR. Write REQUEST:'
        " the case counts",
    ),
    (
        "DD-LST-01",
        "»<listener/>",
        "<listener> has no <listener-class>",
    ),
    (
        "DD-LST-01",
        "<listener>»<listener-class/></listener>",
        "<listener-class> is empty",
    ),
    (
        "DD-SES-03",
        "<session-config>»<session-timeout>30m</session-timeout></session-config>",
        '<session-timeout> "30m" is not a whole number of minutes. Write digits only, without a unit.',
    ),
    (
        "DD-SES-05",
        "<session-config>»<tracking-mode>Cookie</tracking-mode></session-config>",
        "Write COOKIE: the case counts",
    ),
    (
        "DD-SES-10",
        "<session-config><cookie-config>»<name>a b</name></cookie-config></session-config>",
        '<name> "a b" cannot be the name of a cookie',
    ),
    (
        "DD-SES-10",
        "<session-config><cookie-config><attribute>»<attribute-name>Same Site</attribute-name>"
        "<attribute-value/></attribute></cookie-config></session-config>",
        '<attribute-name> "Same Site" cannot be the name',
    ),
    (
        "DD-MIME-03",
        "<mime-mapping><extension>a</extension>»<mime-type>text</mime-type></mime-mapping>",
        '<mime-type> "text" is not of the form type/subtype',
    ),
    (
        "DD-MIME-03",
        "<mime-mapping><extension>a</extension>»<mime-type>text/x; a=b</mime-type></mime-mapping>",
        "without spaces",
    ),
    (
        "DD-WEL-02",
        "<welcome-file-list>»<welcome-file>/index.html</welcome-file></welcome-file-list>",
        '<welcome-file> "/index.html" begins or ends with "/"',
    ),
    (
        "DD-WEL-02",
        "<welcome-file-list>»<welcome-file>a/</welcome-file></welcome-file-list>",
        'Write "a" (§10.10).',
    ),
    (
        "DD-EP-01",
        "<error-page>»<error-code>40</error-code><location>/e</location></error-page>",
        "HTTP status of three digits",
    ),
    (
        "DD-EP-01",
        "<error-page>»<error-code>4o4</error-code><location>/e</location></error-page>",
        "HTTP status of three digits",
    ),
    (
        "DD-EP-01",
        "<error-page>»<error-code>000</error-code><location>/e</location></error-page>",
        "HTTP status of three digits",
    ),
    (
        "DD-ERR-15",
        "»<error-page><error-code>404</error-code></error-page>",
        "<error-page> has no <location>",
    ),
    (
        "DD-ERR-15",
        "<error-page>»<location>e</location></error-page>",
        '<location> "e" does not begin with "/". Write "/e".',
    ),
    (
        "DD-ERR-15",
        "<error-page>»<location/></error-page>",
        "<location> is empty",
    ),
    (
        "DD-SEC-04",
        "<security-constraint><web-resource-collection><web-resource-name>w</web-resource-name>"
        "<url-pattern>/x</url-pattern>»<http-method>G T</http-method></web-resource-collection>"
        "</security-constraint>",
        '<http-method> "G T" is no HTTP method',
    ),
    (
        "DD-SEC-05",
        "<security-constraint><web-resource-collection><web-resource-name>w</web-resource-name>"
        "»<url-pattern>x</url-pattern></web-resource-collection></security-constraint"
        ">",
        '<url-pattern> "x" can never match: paths begin with "/". Write "/x"',
    ),
    (
        "DD-SEC-05",
        "<security-constraint>»<web-resource-collection><web-resource-name>w</web-resource-name>"
        "</web-resource-collection></security-constraint>",
        "has no <url-pattern>, so it protects nothing",
    ),
    (
        "DD-SEC-12",
        "<security-constraint><web-resource-collection><web-resource-name>w</web-resource-name>"
        "<url-pattern>/x</url-pattern></web-resource-collection>»<user-data-constraint/>"
        "</security-constraint>",
        "has no <transport-guarantee>",
    ),
    (
        "DD-SEC-14",
        "<login-config>»<auth-method>Basic</auth-method></login-config>",
        "Write BASIC: the case counts",
    ),
    (
        "DD-SEC-14",
        "<login-config>»<auth-method>CLIENT_CERT</auth-method></login-config>",
        "Write CLIENT-CERT: the case",
    ),
    (
        "DD-SEC-14",
        "<login-config>»<auth-method>KERBEROS</auth-method></login-config>",
        '<auth-method> "KERBEROS" is not BASIC, DIGEST, FORM or CLIENT-CERT',
    ),
    (
        "DD-SEC-16",
        "<login-config><form-login-config>»<form-login-page>in</form-login-page>"
        "<form-error-page>/x</form-error-page></form-login-config></login-config>",
        '<form-login-page> "in" does not begin with "/"',
    ),
    (
        "DD-SEC-16",
        "<login-config>»<form-login-config><form-login-page>/in</form-login-page>"
        "</form-login-config></login-config>",
        "<form-login-config> has no <form-error-page>",
    ),
    (
        "DD-LOC-01",
        "<locale-encoding-mapping-list><locale-encoding-mapping>»<locale>JA</locale>"
        "<encoding>UTF-8</encoding></locale-encoding-mapping></locale-encoding-mapping-list>",
        '<locale> "JA" is no locale',
    ),
    (
        "DD-JSP-06",
        "<jsp-config><jsp-property-group><url-pattern>*.jsp</url-pattern>»<is-xml>yes</is-xml>"
        "</jsp-property-group></jsp-config>",
        '<is-xml> "yes" is not true or false',
    ),
    (
        "DD-UP-05",
        "<jsp-config><jsp-property-group>»<url-pattern>/a/*.jsp</url-pattern>"
        "</jsp-property-group></jsp-config>",
        'Write "*.jsp" or "/a/*" (§12.2).',
    ),
    (
        "DD-RES-01",
        "<resource-ref><res-ref-name>a</res-ref-name>»<res-auth>container</res-auth></resource-ref>",
        "Write Container: the case counts",
    ),
    (
        "DD-DS-03",
        "<data-source><name>a</name>»<isolation-level>NONE</isolation-level></data-source>",
        "<isolation-level>",
    ),
    (
        "DD-DS-03",
        "<data-source><name>a</name>»<port-number>x</port-number></data-source>",
        "<port-number>",
    ),
    (
        "DD-INJ-03",
        "»<post-construct/>",
        "<post-construct> has no <lifecycle-callback-method>",
    ),
]


@pytest.mark.parametrize(("rule", "inside", "message"), PROBLEMS)
def test_errors(read, rule: str, inside: str, message: str) -> None:
    problem = only_problem(read, inside)
    assert problem.severity == "error"
    assert message in str(problem)
    assert problem.message.startswith("<")
    assert not problem.message.endswith(".")
    assert problem.cure.endswith((".", "?"))


WARNINGS = [  # » stands where the problem is
    (
        "DD-DOC-22",
        "<servlet><servlet-class>a</servlet-class>\n»<servlet-name>a</servlet-name></servlet>",
        "<servlet-name> stands after <servlet-class>; the schema wants it before",
    ),
    (
        "DD-DOC-22",
        '»<x:y xmlns:x="urn:other"/>',
        "<y> of the namespace urn:other is ignored",
    ),
    (
        "DD-DOC-27",
        '<distributable id="a"/>\n»<servlet id="a"><servlet-name>a</servlet-name></servlet>',
        '<servlet> has the id "a" of line 2',
    ),
    (
        "",
        '»<distributable idd="a"/>',
        '<distributable> has the unknown attribute "idd". Did you mean id?',
    ),
    (
        "",
        "»<servlet>stray<servlet-name>a</servlet-name></servlet>",
        '<servlet> ignores the text "stray"',
    ),
    (
        "",
        "»<distributable>false</distributable>",
        "<distributable> is on because it is there",
    ),
    (
        "",
        "<module-name>a</module-name>\n»<module-name>b</module-name>",
        "may stand here only once (first in line 2)",
    ),
    (
        "",
        "<servlet><servlet-name>a</servlet-name><servlet-class>shop.A</servlet-class>"
        "<multipart-config/>»<multipart-config/></servlet>",
        "<multipart-config> may stand here only once",
    ),
    (
        "DD-SES-10",
        "<session-config><cookie-config>»<max-age>x</max-age></cookie-config></session-config>",
        '"x" is not a whole number of seconds and is ignored',
    ),
    (
        "DD-SES",
        "<session-config><cookie-config>»<comment>x</comment></cookie-config></session-config>",
        "<comment> is obsolete since 6.0 and has no effect",
    ),
    (
        "DD-MIME-01",
        "<mime-mapping>»<extension>.txt</extension><mime-type>a/b</mime-type></mime-mapping>",
        'Write "txt".',
    ),
    (
        "DD-WEL",
        "<welcome-file-list>»<welcome-file></welcome-file></welcome-file-list>",
        "<welcome-file> is empty and is ignored",
    ),
    (
        "DD-SEC-04",
        "<security-constraint><web-resource-collection><web-resource-name>w</web-resource-name>"
        "<url-pattern>/x</url-pattern>»<http-method>get</http-method></web-resource-collection>"
        "</security-constraint>",
        "Write GET",
    ),
    (
        "DD-SEC",
        "<security-constraint>»<web-resource-collection><url-pattern>/x</url-pattern>"
        "</web-resource-collection></security-constraint>",
        "has no <web-resource-name>",
    ),
    (
        "DD-LOC-02",
        "<locale-encoding-mapping-list><locale-encoding-mapping><locale>ja</locale>»<encoding>x-y"
        "</encoding></locale-encoding-mapping></locale-encoding-mapping-list"
        ">",
        'Python knows no encoding "x-y"',
    ),
]


@pytest.mark.parametrize(("rule", "inside", "message"), WARNINGS)
def test_warnings(read, rule: str, inside: str, message: str) -> None:
    problem = only_problem(read, inside)
    assert problem.severity == "warning"
    assert message in str(problem)


def only_problem(read, inside: str) -> Problem:
    """The one problem, which must be where » is."""
    _, (problem,) = read(inside.replace("»", ""))
    before = inside[: inside.index("»")].split("\n")
    assert problem.source == at(len(before) + 1, len(before[-1]) + 1)
    return problem


def test_dd_frg_03_a_fragments_name(read) -> None:
    assert read("<name>a.b</name>", fragment=True)[1][0].severity == "warning"
    assert "may stand in a file only once" in str(read("<name>a</name><name>b</name>", fragment=True)[1][0])
    assert "may stand in a file only once" in str(read("<ordering/><ordering/>", fragment=True)[1][0])


def test_repeated_elements_last_one_counts_but_the_first_of_those_that_may_not(read) -> None:
    assert read("<module-name>a</module-name><module-name>b</module-name>")[0].module_name == "b"
    timeout = "<session-config><session-timeout>{}</session-timeout></session-config>"
    assert read(timeout.format(1) + timeout.format(2))[0].session_config.timeout_minutes == 1


def test_all_problems_at_once_in_document_order(read) -> None:
    web_app, problems = read(
        "<error-page><error-code>x</error-code></error-page>\n"
        "<bogus/>\n" + SERVLET.format("<enabled>no</enabled>") + "\n" + SERVLET.format("")
    )
    assert [(p.source.line, p.source.column) for p in problems] == [(2, 1), (2, 13), (3, 1), (4, 77)]
    assert len(web_app.servlets) == 2  # and what is right is read
    assert web_app.error_pages == ()


def test_text_of_children_in_cdata_and_around_comments(read_well) -> None:
    web_app = read_well("<display-name><![CDATA[ A & ]]><!-- no -->B &amp; &#67;</display-name>")
    assert web_app.about.display_names[0].value == "A & B & C"
