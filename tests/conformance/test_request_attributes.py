"""Attributes of a request (6.7) and the end of its life (6.10)."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from container.servlet import HttpServlet, IllegalStateException, ServletRequestAttributeListener

LISTENER = "<listener><listener-class>app.Listener</listener-class></listener>"


@pytest.mark.rules("RT-ATT-01")
def test_one_value_for_each_name(tell):
    def ask(request):
        request.setAttribute("a", [1])
        request.setAttribute("a", [2])
        request.setAttribute("b", 0)
        request.setAttribute("c", "x")
        request.setAttribute("c", None)
        request.setAttribute("none", None)
        request.removeAttribute("never")
        return [*(request.getAttribute(name) for name in "abcd"), sorted(request.getAttributeNames())]

    app = tell(ask)
    assert app.get("/").json == [[2], 0, None, None, ["a", "b"]]


@pytest.mark.rules("RT-ATT-01")
def test_attributes_end_with_their_request(tell):
    def ask(request):
        found = request.getAttribute("a")
        request.setAttribute("a", 1)
        return found

    app = tell(ask)
    client = app.connect()
    for _ in range(3):
        client.send(b"GET /app/ HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.answer().json is None


@pytest.mark.rules("RT-ATT-02")
def test_reserved_names_are_left_to_the_specification_but_not_refused(tell):
    def ask(request):
        request.setAttribute("jakarta.servlet.mine", 1)
        return request.getAttribute("jakarta.servlet.mine")

    assert tell(ask).get("/").json == 1


@pytest.mark.rules("RT-ATT-03")
def test_changes_are_told_to_listeners(tell):
    events = []

    class Listener(ServletRequestAttributeListener):
        def attributeAdded(self, event):
            events.append(("added", event.getName(), event.getValue()))

        def attributeReplaced(self, event):
            events.append(("replaced", event.getName(), event.getValue()))

        def attributeRemoved(self, event):
            events.append(("removed", event.getName(), event.getValue()))

    def ask(request):
        events.clear()
        request.setAttribute("a", 1)
        request.setAttribute("a", 2)
        request.setAttribute("a", None)
        request.removeAttribute("a")
        request.removeAttribute("b")

    tell(ask, LISTENER, classes=[Listener]).get("/")
    assert events[:3] == [("added", "a", 1), ("replaced", "a", 1), ("removed", "a", 2)]
    assert [event for event in events[3:] if event[1] in "ab"] == []


FORWARD = "jakarta.servlet.forward."


@pytest.mark.rules("RT-ATT-04")
@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/exact", {"request_uri", "context_path", "servlet_path", "mapping"}),
        ("/exact?q", {"request_uri", "context_path", "servlet_path", "mapping", "query_string"}),
        ("/more/info", {"request_uri", "context_path", "servlet_path", "mapping", "path_info"}),
    ],
)
@pytest.mark.parametrize("kind", ["forward", "include"])
def test_what_would_be_none_is_absent(deploy, path, names, kind):
    class Main(HttpServlet):
        def service(self, request, response):
            if request.getDispatcherType().name == "REQUEST":
                target = path if kind == "include" else "/exact"
                getattr(request.getRequestDispatcher(target), kind)(request, response)
            else:
                prefix = f"jakarta.servlet.{kind}."
                found = [name for name in request.getAttributeNames() if name.startswith(prefix)]
                assert all(request.getAttribute(name) is not None for name in found)
                response.getWriter().write(" ".join(name.removeprefix(prefix) for name in found))

    mapped = (
        "<servlet><servlet-name>m</servlet-name><servlet-class>app.Main</servlet-class></servlet><servlet-mapping>"
        "<servlet-name>m</servlet-name><url-pattern>/exact</url-pattern><url-pattern>/more/*</url-pattern>"
        "</servlet-mapping>"
    )
    answer = deploy(f"<web-app>{mapped}</web-app>", classes=[Main]).get(path)
    assert set(answer.text.split()) == names


TLS = {
    "secure_protocol": "TLSv1.3",
    "cipher_suite": "TLS_AES_256_GCM_SHA384",
    "key_size": 256,
    "ssl_session_id": "ab12",
}


class SecureExchange:
    """A request over TLS, as a connector would hand it over."""

    method, target, version, headers = "GET", b"/app/", "HTTP/1.1", []
    id, content_length, trailers, user, started_s, can_send_trailers = "1-1", None, (), None, 0.0, True
    front = None

    def __init__(self, certificates):
        tls = {**TLS, "certificates": certificates}
        self.connection = SimpleNamespace(
            id="1", protocol="http/1.1", peer=("1.2.3.4", 5), local=("5.6.7.8", 443), secure=True, tls=tls
        )

    def read(self, size=-1):
        return b""

    def start(self, status, headers, reason=""):
        self.status = status

    def write(self, data): ...

    def finish(self, data=b"", trailers=None): ...


@pytest.mark.rules("RT-ATT-01", "RT-CON-04")
@pytest.mark.parametrize("certificates", [[], [b"DER of the client's"]])
def test_attributes_of_a_secure_connection(tell, certificates):
    seen = {}

    def ask(request):
        for name in request.getAttributeNames():
            seen[name.removeprefix("jakarta.servlet.request.")] = request.getAttribute(name)
        seen["secure"] = request.isSecure()

    tell(ask).container.handle(SecureExchange(certificates))
    assert seen == {**TLS, "secure": True, **({"X509Certificate": certificates} if certificates else {})}


def test_a_plain_connection_has_none_of_them(tell):
    app = tell(lambda r: [r.getAttribute("jakarta.servlet.request.key_size"), list(r.getAttributeNames())])
    assert app.get("/").json == [None, []]


@pytest.mark.rules("RT-LIFE-20")
@pytest.mark.parametrize(
    "use",
    [
        lambda kept: kept.request.getParameter("a"),
        lambda kept: kept.request.getAttribute("a"),
        lambda kept: kept.request.setAttribute("a", 1),
        lambda kept: kept.request.getSession(),
        lambda kept: kept.method("X-A"),
        lambda kept: kept.stream.read(1),
        lambda kept: kept.stream.isFinished(),
        lambda kept: kept.response.getWriter(),
        lambda kept: kept.response.setStatus(200),
        lambda kept: kept.writer.write("x"),
    ],
)
def test_a_request_that_is_over_cannot_be_used(serve, use):
    kept = SimpleNamespace()

    def service(request, response):
        kept.request, kept.response, kept.method = request, response, request.getHeader
        kept.stream, kept.writer = request.getInputStream(), response.getWriter()
        kept.writer.write("text")

    app = serve(service)
    assert app.get("/").text == "text"
    app.wait_idle()
    with pytest.raises(IllegalStateException, match="over"):
        use(kept)


@pytest.mark.rules("RT-LIFE-20")
def test_async_keeps_a_request_alive_until_complete(serve):
    go = threading.Event()
    found = []

    def service(request, response):
        context = request.startAsync()

        def later():
            go.wait(10)
            found.append(request.getParameter("a"))
            response.getWriter().write("late")
            context.complete()

        context.start(later)
        kept.append(request)

    kept = []
    app = serve(service)
    client = app.connect()
    client.send(b"GET /app/?a=1 HTTP/1.1\r\nHost: a\r\n\r\n")
    go.set()
    assert client.answer().text == "late"
    assert found == ["1"]
    app.wait_idle()
    with pytest.raises(IllegalStateException):
        kept[0].getParameter("a")
