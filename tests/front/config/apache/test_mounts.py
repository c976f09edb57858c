"""Which path belongs to which worker."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.errors import ConfigError, Source
from container.front.config.apache.mounts import MountTable, clean, make_mounts, parse_rules


def table(*rules):
    """Of the lines of a rule file."""
    return MountTable(parse_rules("\n".join(rules), "uriworkermap.properties"))


def worker(path, *rules):
    found = table(*rules).find(clean(path))
    return found.worker if found else None


@pytest.mark.parametrize(
    ("path", "cleaned"),
    [
        ("/", "/"),
        ("/app/x", "/app/x"),
        ("/app;a=b/x;c", "/app/x"),
        ("/;x/m/a", "/m/a"),
        ("//m//a", "/m/a"),
        ("/m/./a", "/m/a"),
        ("/m/../q/1", "/q/1"),
        ("/m/..;x/q", "/q"),
        ("/m/..;/..;/q", None),
        ("/..", None),
        ("/a/b/..", "/a/"),
        ("/a/.", "/a/"),
        ("/a/", "/a/"),
        ("/.well-known/x", "/.well-known/x"),
    ],
)
def test_paths_are_read_as_a_container_does(path, cleaned):
    assert clean(path) == cleaned


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/app/*", "/app/", True),
        ("/app/*", "/app/x/y", True),
        ("/app/*", "/app", False),
        ("/app*", "/apple", True),
        ("/app|/*", "/app", True),
        ("/app|/*", "/app/x", True),
        ("/app|/*", "/apple", False),
        ("/*.jsp", "/a/b.jsp", True),
        ("/*.jsp", "/a/b.jspx", False),
        ("/a?c", "/abc", True),
        ("/a?c", "/a/c", True),  # "?" is any one character
        ("/a?c", "/ac", False),
        ("/A", "/a", False),
        ("/a.c", "/abc", False),
        ("/*", "/", True),
    ],
)
def test_patterns(pattern, path, matches):
    assert (worker(path, f"{pattern}=w") == "w") is matches


def test_more_slashes_first_then_the_longer_one():
    rules = ("/*=a", "/x/*=b", "/x/y*=c", "/x/y/*=d")
    assert [worker(path, *rules) for path in ("/q", "/x/q", "/x/yq", "/x/y/q")] == ["a", "b", "c", "d"]


def test_a_rule_file_comes_before_jkmount_and_that_before_the_mount_directive():
    source = Source("f", 1)
    mounts = [*make_mounts("/x", "third", source, rank=2), *make_mounts("/x", "second", source)]
    assert MountTable(mounts).find("/x").worker == "second"
    mounts += parse_rules("/x=first", "f")
    assert MountTable(mounts).find("/x").worker == "first"


@pytest.mark.parametrize(
    ("exclusion", "found"),
    [("!/a/static/*=w", None), ("!/a/static/*=*", None), ("!/a/static/*=other", "w")],
)
def test_an_exclusion_is_for_its_worker(exclusion, found):
    assert worker("/a/static/x", "/a/*=w", exclusion) == found
    assert worker("/a/x", "/a/*=w", exclusion) == "w"


def test_an_excluded_path_is_not_given_to_the_next_rule():
    assert worker("/a/b/c", "/a/b/*=w", "/a/*=v", "!/a/b/c=w") is None


def test_an_inactive_rule_does_not_switch_another_one_off():
    assert worker("/a", "/a=w", "-/a=v") == "w"
    assert worker("/a", "-/a=v") is None


def test_comments_and_blanks():
    assert worker("/a", "# all", "", "  /a = w  # here") == "w"


@pytest.mark.parametrize("pattern", ["*.jsp", "app/*", "?"])
def test_a_pattern_begins_with_a_slash(pattern):
    with pytest.raises(ConfigError, match=r"uriworkermap\.properties:1:1: the pattern .* matches nothing"):
        table(f"{pattern}=w")


def test_a_rule_names_a_worker():
    with pytest.raises(ConfigError, match="names no worker"):
        table("/a")


def test_extensions():
    rule = table(
        "/a=w;reply_timeout=1500;sticky_ignore=1;stateless=1;disabled=x,y;fail_on_status=503,-404;"
        "use_server_errors=400;session_cookie=SID"
    ).rules[0]
    found = rule.extensions
    assert (found.reply_timeout_s, found.sticky_ignore, found.stateless) == (1.5, True, True)
    assert found.disabled == {"x", "y"}
    assert found.fail_on_status == (503, -404)
    assert (found.use_server_errors, found.session_cookie) == (400, "SID")


def test_an_unknown_extension_is_an_error():
    with pytest.raises(ConfigError, match="no extension 'replytimeout'"):
        table("/a=w;replytimeout=1")


@given(st.lists(st.sampled_from(["", ".", "..", "a", ";x", "..;y", ".;", "b;c=d", ".well"]), max_size=8))
def test_nothing_that_could_be_read_differently_is_left(segments):
    cleaned = clean("/" + "/".join(segments))
    if cleaned is not None:
        assert ";" not in cleaned
        assert "//" not in cleaned
        assert not {"..", "."} & set(cleaned.split("/"))
        assert clean(cleaned) == cleaned
