"""`was check` of Apache's files."""

import programs
import pytest

from container.front.config.apache.check import check
from container.learn.lint import lint


@pytest.fixture
def report(tmp_path):
    def make(name, text):
        (tmp_path / name).write_text(text)
        found = lint(tmp_path / name)
        return [str(problem).removeprefix(f"{tmp_path}/") for problem in found.problems], found.summary()

    return make


def test_an_error_has_its_place(report):
    assert report("httpd.conf", "\nDocumentRot /x\n") == (
        ["httpd.conf:2:1: DocumentRot is no directive that is known. Did you mean documentroot? [WAS811]"],
        "1 configuration: 1 error",
    )


def test_what_has_no_effect_is_listed(report):
    found, summary = report("httpd.conf", "ServerTokens Prod\nTimeout 5\n")
    assert found == [
        "httpd.conf:1:1: warning: ServerTokens has no effect here: the pages of errors are the front's own. "
        "[WAS813]"
    ]
    assert summary == "1 Apache configuration: 1 warning"


def test_workers(report):
    assert report("workers.properties", "worker.list=w\nworker.w.prt=1\n")[0] == [
        "workers.properties:2:1: a worker has no directive 'prt'. Did you mean port? [WAS821]"
    ]


def test_every_unknown_directive_of_the_workers_is_told_at_once(report):
    found, summary = report("workers.properties", "worker.list=w\nworker.w.prt=1\nworker.w.hots=a\n")
    assert [line.partition(": ")[0] for line in found] == ["workers.properties:2:1", "workers.properties:3:1"]
    assert summary == "1 configuration: 2 errors"


def test_all_mistakes_of_all_files_are_told_at_once(report, tmp_path):
    (tmp_path / "workers.properties").write_text(
        "worker.list=lb,one\nworker.lb.type=lb\nworker.lb.balance_workerz=one\nhalf\nworker.one.port=x\n"
    )
    (tmp_path / "map.properties").write_text("/a\n/b=lb;nothing=1\n")
    found, summary = report(
        "httpd.conf",
        "RewriteRule ^/x /y\nInclude nowhere.conf\nJkMountt /shop lb\nJkWorkersFile workers.properties\n"
        "JkMount shop lb\nJkMountFile map.properties\nProxyPass /a http://a/ retries=3\n"
        "ProxyPass /b balancer://b/\n<Proxy balancer://b>\nBalancerMember ftp://a\n"
        "BalancerMember http://a x=1\nBalancerMember http://b y=1\n</Proxy>\n"
        '<VirtualHost *>\nSSLEngine on\nCustomLog log "%Q"\n<Location /x>\nRequire nobody\nNonsense\n'
        "</Location>\n</VirtualHost>\n",
    )
    assert [line.split(": ")[0] for line in found] == [
        *(f"httpd.conf:{line}:1" for line in (1, 2, 3, 5, 7, 10, 11, 12, 14, 16, 18, 19)),
        *(f"map.properties:{line}:1" for line in (1, 2)),
        *(f"workers.properties:{line}:1" for line in (3, 4, 5)),
    ]
    assert summary == "1 configuration: 17 errors"


def test_what_has_no_effect_is_listed_beside_mistakes(report):
    found, _ = report("httpd.conf", "ServerTokens Prod\nNonsense\n")
    assert [line.split("[")[1] for line in found] == ["WAS811]", "WAS813]"]


def test_without_its_end_nobody_knows_what_stands_in_a_section(report):
    found, _ = report("httpd.conf", "Nonsense\n<VirtualHost *:80>\nListen 1\n")
    assert found == ["httpd.conf:2:1: <VirtualHost *:80> is never closed. Write </VirtualHost>. [WAS811]"]


def test_rules(report):
    assert report("uriworkermap.properties", "/a=w\n") == ([], "1 uriworkermap.properties: no problem")
    assert "matches nothing" in report("uriworkermap.properties", "a=w\n")[0][0]


def test_a_file_of_nginx_is_none_of_apaches(tmp_path):
    (tmp_path / "nginx.conf").write_text("events {}\nhttp {\n}\n")
    assert check(tmp_path / "nginx.conf") is None


@pytest.mark.program("apache2")
def test_the_stock_configuration_of_debian_loads(tmp_path):
    main = programs.Path("/etc/apache2/apache2.conf")
    if not main.exists():
        pytest.skip("there is no /etc/apache2/apache2.conf")
    found = lint(main)
    assert not found.errors
    assert all(
        "has no effect" in str(each) or "not here" in str(each) or "jk" in str(each)
        for each in found.problems
    )


@pytest.mark.program("apache2")
@pytest.mark.parametrize("folder", ["mods-available", "conf-available", "sites-available"])
def test_everything_that_debian_has_to_offer_is_known(folder):
    files = sorted(programs.Path("/etc/apache2", folder).glob("*.conf"))
    if not files:
        pytest.skip(f"there is no /etc/apache2/{folder}")
    for file in files:
        found = lint(file)
        assert not found.errors, "\n".join(map(str, found.problems))
