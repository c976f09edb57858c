"""workers.properties as mod_jk reads it."""

import pytest

from container.errors import ConfigError
from container.front.config.apache.modjk import parse, read_workers, to_bool
from container.front.config.mistakes import Mistakes
from container.front.jk import Activation


def read(text, **environ):
    mistakes = Mistakes("WAS821")
    return read_workers(parse(text, "workers.properties", mistakes), mistakes, environ)


def worker(text, **environ):
    return read(f"worker.list=w\n{text}", **environ).mounted["w"]


def lb(text):
    return read(
        "worker.list=lb\nworker.lb.type=lb\nworker.lb.balance_workers=a, b\n"
        f"worker.a.port=1\nworker.b.port=2\n{text}"
    ).mounted["lb"]


def warnings(workers):
    return [str(problem) for problem in workers.problems]


# --- the file ----------------------------------------------------------------------------------


def test_white_space_around_names_and_values_does_not_count():
    assert worker("  worker.w.port \t=  9001  ").config.address.port == 9001


def test_a_comment_begins_anywhere_and_cuts_a_secret():
    assert worker("worker.w.secret=ab#cd").secret == "ab"


def test_a_variable_is_used_in_later_values():
    assert worker("base=90\nworker.w.port=$(base)09").config.address.port == 9009


def test_an_undefined_variable_is_the_environments():
    assert worker("worker.w.host=$(HOST_A)", HOST_A="10.0.0.1").config.address.host == "10.0.0.1"


def test_a_variable_that_nobody_has_stays_as_it_is():
    assert worker("worker.w.route=$(nobody)").config.route == "$(nobody)"


@pytest.mark.parametrize(("text", "seconds"), [("10", 10), ("1k", 1024), ("1m", 1048576), ("2M", 2097152)])
def test_k_and_m_multiply_by_bytes_even_seconds(text, seconds):
    assert worker(f"worker.w.socket_timeout={text}").socket_timeout_s == seconds


def test_a_number_must_be_one():
    with pytest.raises(ConfigError, match=r"workers\.properties:2:1: worker\.w\.port=x is not a number"):
        worker("worker.w.port=x")


@pytest.mark.parametrize(
    ("text", "value"),
    [("off", False), ("False", False), ("no", False), ("0", False), ("ON", True), ("t", True), ("Yes", True)],
)
def test_switches(text, value):
    assert to_bool(text, not value) is value


def test_a_switch_that_is_none_means_the_default():
    assert to_bool("maybe", True) is True
    assert to_bool("maybe", False) is False


def test_an_unknown_directive_stops_with_a_hint():
    with pytest.raises(
        ConfigError, match=r"workers\.properties:2:1: a worker has no directive 'prot'\. Did you mean port\?"
    ):
        worker("worker.w.prot=1")


def test_lists_are_put_together_and_anything_else_counts_last():
    workers = read(
        "worker.list=a\nworker.list=b c,d\nworker.a.port=1\nworker.a.port=2\nworker.b.port=1\n"
        "worker.c.port=1\nworker.d.port=1"
    )
    assert list(workers.mounted) == ["a", "b", "c", "d"]
    assert workers.mounted["a"].config.address.port == 2
    assert warnings(workers) == [
        "workers.properties:4:1: warning: worker.a.port is written again, this line counts. "
        "Remove one of the two. [WAS822]"
    ]


def test_a_listed_worker_without_properties_is_the_usual_ajp13():
    found = worker("")
    assert (found.config.address.host, found.config.address.port) == ("localhost", 8009)


def test_without_a_list_there_is_ajp13():
    assert list(read("").mounted) == ["ajp13"]


# --- references --------------------------------------------------------------------------------


def test_a_reference_gives_what_a_worker_does_not_say_itself():
    found = worker(
        "worker.t.port=1\nworker.t.secret=s\nworker.u.reference=worker.t\nworker.u.lbfactor=3\n"
        "worker.w.reference=worker.u\nworker.w.port=2"
    )
    assert (found.config.address.port, found.secret, found.config.lbfactor) == (2, "s", 3)


def test_a_reference_to_nobody_is_an_error():
    with pytest.raises(ConfigError, match="names no worker of this file"):
        worker("worker.w.reference=worker.x")


def test_a_reference_has_the_prefix():
    with pytest.raises(ConfigError, match=r"Write reference=worker\.<name>"):
        worker("worker.x.port=1\nworker.w.reference=x")


def test_references_in_a_circle_are_an_error():
    with pytest.raises(ConfigError, match="20 references"):
        worker("worker.x.reference=worker.w\nworker.w.reference=worker.x")


# --- ajp13 -------------------------------------------------------------------------------------


def test_times_have_the_units_of_their_directives():
    found = worker(
        "worker.w.socket_timeout=5\nworker.w.reply_timeout=1500\nworker.w.retry_interval=50\n"
        "worker.w.connection_pool_timeout=60"
    )
    assert found.socket_timeout_s == 5
    assert found.connect_timeout_s == 5
    assert found.reply_timeout_s == 1.5
    assert found.config.retry_interval_s == 0.05
    assert found.acquire_timeout_s == 0.1
    assert found.pool_timeout_s == 60


@pytest.mark.parametrize(
    ("text", "connect_s", "request_s"),
    [
        ("", 0, 0),
        ("worker.w.ping_mode=C", 10, 0),
        ("worker.w.ping_mode=P\nworker.w.ping_timeout=500", 0, 0.5),
        ("worker.w.ping_mode=a", 10, 10),
        ("worker.w.prepost_timeout=700", 0, 0.7),
        ("worker.w.connect_timeout=800\nworker.w.ping_mode=A", 0.8, 10),
        ("worker.w.ping_mode=X", 0, 0),
    ],
)
def test_ping_modes(text, connect_s, request_s):
    found = worker(text)
    assert (found.connect_ping_s, found.request_ping_s) == (connect_s, request_s)


def test_a_port_in_the_host_is_never_contacted():
    workers = read("worker.list=w\nworker.w.host=127.0.0.1:8009")
    assert workers.mounted["w"].config.activation is Activation.STOPPED
    assert "Write host=127.0.0.1 and port=8009." in warnings(workers)[0]


@pytest.mark.parametrize(
    ("text", "activation"),
    [("disabled", "DIS"), ("S", "STP"), ("active", "ACT"), ("whatever", "ACT")],
)
def test_activation_by_its_first_letter(text, activation):
    assert worker(f"worker.w.activation={text}").config.activation is Activation(activation)


def test_the_old_names():
    found = worker(
        "worker.w.jvm_route=r\nworker.w.cachesize=7\nworker.w.cache_timeout=9\nworker.w.disabled=1"
    )
    assert (found.config.route, found.pool_size, found.pool_timeout_s) == ("r", 7, 9)
    assert found.config.activation is Activation.DISABLED


@pytest.mark.parametrize(("text", "size"), [("1", 8192), ("8193", 9216), ("16k", 16384), ("1m", 65536)])
def test_packets_are_rounded_up_and_within_limits(text, size):
    assert worker(f"worker.w.max_packet_size={text}").max_packet_size == size


def test_weights_are_at_least_one():
    assert worker("worker.w.lbfactor=0").config.lbfactor == 1


def test_fail_on_status():
    assert worker("worker.w.fail_on_status=503,-404 500").config.fail_on_status == (503, -404, 500)


def test_an_unknown_type_is_an_error():
    with pytest.raises(ConfigError, match="no worker type 'ajp12'"):
        worker("worker.w.type=ajp12")


# --- lb ----------------------------------------------------------------------------------------


def test_an_lb_has_the_defaults_of_mod_jk():
    config = lb("").config
    assert [each.name for each in config.workers] == ["a", "b"]
    assert (config.method, config.sticky_session, config.sticky_session_force) == ("R", True, False)
    assert (config.retries, config.lb_retries, config.recover_time_s, config.error_escalation_time_s) == (
        *(2, 2, 60),
        30,
    )


def test_the_method_is_a_letter_and_anything_else_means_requests():
    assert lb("worker.lb.method=busyness").config.method == "B"
    assert lb("worker.lb.method=xyz").config.method == "R"


def test_members_inherit_the_lbs_secret():
    found = lb("worker.lb.secret=s\nworker.a.secret=t")
    assert [member.secret for member in found.members] == ["t", "s"]


def test_two_members_with_one_route_are_an_error():
    with pytest.raises(ConfigError, match="a and b of lb have the same route 'r'"):
        lb("worker.a.route=r\nworker.b.route=r")


def test_an_lb_without_members_is_an_error():
    with pytest.raises(ConfigError, match="x balances nobody"):
        read("worker.list=x\nworker.x.type=lb")


def test_a_redirect_to_nobody_is_told():
    workers = read("worker.list=lb\nworker.lb.type=lb\nworker.lb.balance_workers=a\nworker.a.redirect=spare")
    assert "redirected to 'spare', the route of no member of lb" in warnings(workers)[0]


def test_a_member_that_is_not_described_is_told():
    workers = read("worker.list=lb\nworker.lb.type=lb\nworker.lb.balance_workers=a")
    assert "'a', which is not described" in warnings(workers)[0]


def test_mounts_of_workers():
    workers = read("worker.list=w\nworker.w.mount=/a /b/*\nworker.w.mount=/c")
    assert [(pattern, name) for pattern, name, _ in workers.mounts] == [
        ("/a", "w"),
        ("/b/*", "w"),
        ("/c", "w"),
    ]
