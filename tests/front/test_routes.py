"""The front answers what its plan admits and hands everything else over."""

from container.files import StaticPlan, static_root
from container.front.routes import EmbeddedFront
from container.protocols.exchange import Begin


class Recorder:
    """A container that notes what reaches it."""

    def __init__(self):
        self.seen = []

    def begin(self, exchange):
        self.seen.append(("begin", exchange.target))
        return Begin.BUFFERED

    def handle(self, exchange):
        self.seen.append(("handle", exchange.target))


class Exchange:
    method, headers, started_s = "GET", (), 0.0

    def __init__(self, target):
        self.target = target
        self.calls = []

    def start(self, status, headers):
        self.calls.append(status)

    def finish(self, data=b""):
        self.calls.append(data)


def test_static_or_handed_over(folder):
    container = Recorder()
    front = EmbeddedFront(container, StaticPlan({"": static_root("", str(folder))}))
    file, servlet = Exchange(b"/ten.txt"), Exchange(b"/hello")
    assert front.begin(file) is Begin.DONE
    assert file.calls == [200, b"0123456789"]
    assert front.begin(servlet) is Begin.BUFFERED
    front.handle(servlet)
    assert container.seen == [("begin", b"/hello"), ("handle", b"/hello")]


def test_without_a_plan_everything_is_the_containers(folder):
    container = Recorder()
    assert EmbeddedFront(container).begin(Exchange(b"/ten.txt")) is Begin.BUFFERED


def test_a_new_plan_forgets_the_old_files(folder):
    front = EmbeddedFront(Recorder(), StaticPlan({"": static_root("", str(folder))}))
    assert front.begin(Exchange(b"/ten.txt")) is Begin.DONE
    front.publish(StaticPlan({"": None}))
    assert front.begin(Exchange(b"/ten.txt")) is Begin.BUFFERED
