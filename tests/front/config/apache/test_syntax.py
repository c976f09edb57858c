"""The text of httpd.conf: lines, quotes, conditions, includes."""

import pytest

from container.errors import ConfigError
from container.front.config.apache.syntax import read_tree, words
from container.front.config.mistakes import Mistakes


@pytest.fixture
def read(tmp_path):
    def make(text, *, defines=(), files=(), **environ):
        for name, content in dict(files).items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content)
        (tmp_path / "httpd.conf").write_text(text)
        mistakes = Mistakes("WAS811")
        tree = read_tree(tmp_path / "httpd.conf", mistakes, environ, defines=defines)
        mistakes.tell()
        return tree

    return make


def names(tree):
    return [directive.name for directive in tree.directives]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a  b\tc", ("a", "b", "c")),
        ('"a b" c', ("a b", "c")),
        (r'"say \"x\" \n"', (r'say "x" \n',)),
        ("'it is' \"it's\"", ("it is", "it's")),
        ('""', ("",)),
    ],
)
def test_words(text, found):
    assert words(text) == found


def test_a_backslash_continues_a_line_and_the_place_is_the_first_one(read):
    tree = read("# comment\n\nServerAlias a \\\n  b\nListen 80\n")
    assert [(each.name, each.args, each.source.line) for each in tree.directives] == [
        ("ServerAlias", ("a", "b"), 3),
        ("Listen", ("80",), 5),
    ]


def test_a_hash_inside_a_line_is_no_comment(read):
    assert read("A b #c\n").directives[0].args == ("b", "#c")


def test_sections_nest(read):
    (host,) = read("<VirtualHost *:80>\n<Location /a>\nX 1\n</Location>\n</VirtualHost>").directives
    assert host.args == ("*:80",)
    assert host.children[0].children[0].name == "X"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<Location /a>\nX 1\n", r"httpd\.conf:1:1: <Location /a> is never closed"),
        ("<Location /a>\n</Files>\n", r"httpd\.conf:2:1: </Files> closes nothing that is open"),
        ("</Files>\n", "closes nothing"),
        ("<Location /a\n", 'has no ">"'),
        ("Include nowhere.conf\n", "there is no file"),
        ("Include httpd.conf\n", "includes itself"),
        ("Error 'not for you'\n", "not for you"),
        ("<IfVersion ~ 2>\n</IfVersion>", "IfVersion"),
    ],
)
def test_mistakes_name_file_and_line(read, text, message):
    with pytest.raises(ConfigError, match=message):
        read(text)


def test_variables(read):
    tree = read("Define root /srv\nA ${root}/x ${HOME_OF} ${none}\n", HOME_OF="here")
    assert tree.directives[0].args == ("/srv/x", "here", "${none}")
    assert "${none} is not defined" in str(tree.problems[0])


def test_variables_of_debians_envvars(read):
    tree = read(
        "PidFile ${APACHE_RUN_DIR}/x\n",
        files={"envvars": "SUFFIX=\nexport APACHE_RUN_DIR=/var/run/apache2$SUFFIX\n"},
    )
    assert tree.directives[0].args == ("/var/run/apache2/x",)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("IfModule jk_module", True),
        ("IfModule mod_jk.c", True),
        ("IfModule !mod_jk.c", False),
        ("IfModule php_module", False),
        ("IfDefine X", True),
        ("IfDefine !X", False),
        ("IfVersion >= 2.4", True),
        ("IfVersion < 2.4", False),
        ("IfVersion 2.4", True),
        ("IfFile httpd.conf", True),
        ("IfFile !httpd.conf", False),
    ],
)
def test_conditions(read, condition, holds):
    name = condition.split()[0]
    tree = read(f"<{condition}>\n<Location /x>\n</Location>\nA 1\n</{name}>\nB 1\n", defines=["X"])
    assert names(tree) == (["Location", "A", "B"] if holds else ["B"])


def test_a_file_that_loads_modules_has_only_those(read):
    tree = read("LoadModule alias_module x.so\n<IfModule jk_module>\nA 1\n</IfModule>\nB 1\n")
    assert names(tree) == ["B"]
    assert tree.modules == {"alias"}


def test_includes_are_relative_to_the_root_and_sorted(read):
    files = {"c/2.conf": "B 1", "c/1.conf": "A 1", "d/sub/x": "C 1"}
    assert names(read("Include c/*.conf\nInclude d\nIncludeOptional none/*.conf\n", files=files)) == [
        "A",
        "B",
        "C",
    ]
