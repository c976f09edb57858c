"""Passwords, the users file, the SQL realm, lock-out. No sleeping: time is passed in."""

from __future__ import annotations

import base64
import hashlib
import logging
import os
import pickle
import re
import sqlite3
import sys

import pytest

from container.config import Settings
from container.engine.container import Container
from container.errors import ConfigError
from container.security import passwords
from container.security.passwords import DECOY, Verifier, decoy_like, hash_password, is_hashed, verify
from container.security.realm import LockOutRealm, Principal, RealmError, SqlRealm, UsersFileRealm, connector
from container.security.users_file import read_users, remove_user, write_user

# --- passwords
# ------------------------------------------------------------------------------------------------


def pbkdf2(password: str, algorithm: str = "sha256", length: int | None = None) -> str:
    digest = hashlib.pbkdf2_hmac(algorithm, password.encode(), b"salt", 1000, length)
    return f"{b'salt'.hex()}$1000${digest.hex()}"


def iterated(password: str, algorithm: str, rounds: int) -> str:
    digest = b"salt" + password.encode()
    for _ in range(rounds):
        digest = hashlib.new(algorithm, digest).digest()
    return f"{b'salt'.hex()}${rounds}${digest.hex()}"


def in_base64(scheme: str, algorithm: str, data: bytes, salt: bytes = b"") -> str:
    return f"{{{scheme}}}{base64.b64encode(hashlib.new(algorithm, data + salt).digest() + salt).decode()}"


def test_a_hash_fits_its_password_only():
    stored = hash_password("naïve wonder")
    assert re.fullmatch("[0-9a-f]{32}[$]210000[$][0-9a-f]{128}", stored)
    assert verify("naïve wonder", stored)
    assert not verify("naive wonder", stored)
    assert hash_password("naïve wonder") != stored  # another salt


@pytest.mark.parametrize(
    "stored",
    [
        "wonder",
        *(pbkdf2("wonder", name) for name in ("sha1", "sha256", "sha512")),
        *(pbkdf2("wonder", name, 20) for name in ("sha1", "sha256", "sha512")),  # Tomcat's length
        pbkdf2("wonder", "sha1", 32),
        *(iterated("wonder", name, 1) for name in ("md5", "sha1", "sha256", "sha384", "sha512")),
        iterated("wonder", "sha512", 5000),
        iterated("wonder", "sha256", 3).upper(),
        *(hashlib.new(name, b"wonder").hexdigest() for name in ("md5", "sha1", "sha256", "sha384", "sha512")),
        in_base64("MD5", "md5", b"wonder"),
        in_base64("SHA", "sha1", b"wonder"),
        in_base64("SSHA", "sha1", b"wonder", b"salt"),
    ],
)
def test_tomcats_forms(stored):
    assert verify("wonder", stored)
    assert not verify("wander", stored)
    assert is_hashed(stored) == (stored != "wonder")
    assert stored == "wonder" or not verify(stored, stored)  # a hash is no password


@pytest.mark.parametrize(
    "stored",
    [
        "03a9e8096689a9727c366d5933764cc339422bd2bf149dd3a3cebef6dabfb8c5$20000$34fde145b7b20a618a8"
        "79869a620bd2a40a326d5",
        "e9c26eeb7e84bbdaec13821db84fa82a284c61d5dd3b064fece1c7576bd4452b$5000$a5e9385032e927722b25"
        "0da48a9f39f5e4601a78c377ed716b3dea20cf733dbb",
        "9d49f65ad127c409653b13d22494c4a9$1000$08eed3e3947fc505d2d117e013a8b18a",
        "36296059cca8b7c7c7a52ff12abe53eb374d509d480f69bb673ac2566ea0b53f",
        "$7$230377573195e8ad2b99b47c745563e448ca479cd333c4df1ae5f5467c5cd35c50c630e6fa85ca3cb929a58"
        "efb663a631d267976949ac3127cfe12519c373cbd",
    ],
    ids=["PBKDF2 by default", "PBKDF2 SHA-256", "MD5 1000 times", "SHA-256 without salt", "SHA-512 7 times"],
)
def test_hashes_that_tomcat_has_made(stored):
    assert verify("wonder", stored)
    assert not verify("wander", stored)


def test_the_empty_password():
    assert verify("", "")
    assert not verify("x", "")
    assert verify("", hash_password(""))


@pytest.mark.parametrize(
    "stored", ["73616c74$0$" + "00" * 32, f"73616c74$999999999${'00' * 48}", "{SHA}!", "{SSHA}YQ"]
)
def test_a_broken_hash_fits_nothing(stored):
    assert not verify("", stored)
    assert not verify(stored, stored)


def test_a_right_answer_is_computed_once(monkeypatch):
    stored = pbkdf2("wonder")
    verifier = Verifier(size=1)
    assert verifier("wonder", stored)
    calls = []
    monkeypatch.setattr(passwords, "verify", lambda *a: calls.append(a) or False)
    assert verifier("wonder", stored)
    assert calls == []
    assert not verifier("wander", stored)
    assert not verifier("wander", stored)  # wrong ones are not remembered
    assert len(calls) == 2


def test_a_verifier_forgets_the_oldest():
    verifier = Verifier(size=1)
    for password in ("one", "two"):
        assert verifier(password, pbkdf2(password))
    assert len(verifier._right) == 1


# --- the users file
# ---------------------------------------------------------------------------------------------

TOMCAT = """<?xml version="1.0" encoding="UTF-8"?>
<!-- above -->
<tomcat-users xmlns="http://tomcat.apache.org/xml" version="1.0">
  <!-- people -->
  <role rolename="manager"/>
  <group groupname="staff" roles="user, printer"/>
  <user username="alice" password="wonder" roles="manager,user"/>
  <user name="bob" password="builder" roles=""/>
  <user username="carol" password="p:w%d &amp; &lt;x&gt;" groups="staff" roles="guest"/>
  <user username="dave"/>
</tomcat-users>
<!-- below -->
"""


@pytest.fixture
def users(tmp_path):
    path = tmp_path / "tomcat-users.xml"
    path.write_text(TOMCAT, encoding="utf-8")
    return path


def rewrite(path, text: str, stamp_ns: int) -> None:
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(stamp_ns, stamp_ns))


def test_tomcats_file(users, caplog):
    realm = UsersFileRealm(users)
    assert realm.authenticate("alice", "wonder") == Principal("alice", frozenset({"manager", "user"}))
    assert realm.authenticate("bob", "builder") == Principal("bob", frozenset())
    assert realm.authenticate("carol", "p:w%d & <x>").roles == {"guest", "user", "printer"}
    assert realm.authenticate("dave", "") is None  # no password is not an empty one
    assert not realm.authenticate_digest("dave", "Realm", "MD5", "utf-8", lambda secret: True)
    assert realm.find("dave") == Principal("dave", frozenset())
    assert realm.roles == {"manager", "user", "guest", "printer"}
    assert caplog.records == []  # made for Tomcat: clear text is expected


@pytest.mark.parametrize(
    ("name", "password"), [("alice", "Wonder"), ("alice", ""), ("nobody", ""), ("Alice", "wonder"), ("", "")]
)
def test_who_is_not_let_in(users, name, password):
    assert UsersFileRealm(users).authenticate(name, password) is None


def test_a_hashed_password(users):
    users.write_text(TOMCAT.replace('"wonder"', f'"{pbkdf2("wonder")}"'))
    realm = UsersFileRealm(users)
    assert realm.authenticate("alice", "wonder")
    assert realm.authenticate("alice", pbkdf2("wonder")) is None  # the hash is no password
    assert "$" not in repr(realm.lookup("alice"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<tomcat-users>\n  <user password='x'/>\n</tomcat-users>", r"users\.xml:2: <user> has no name"),
        (
            "<tomcat-users>\n<user name='a'/>\n<user name='a'/></tomcat-users>",
            r"users\.xml:3: user 'a' is there twice",
        ),
        (
            "<tomcat-users>\n<user name='a' groups='g'/></tomcat-users>",
            r"users\.xml:2: there is no group 'g'",
        ),
        ("<users/>", r"users\.xml:1: <users> where <tomcat-users> should be"),
        ("<tomcat-users>\n<user", r"users\.xml:2: the users file is no XML"),
        ("", r"users\.xml:1: the users file is no XML"),
        ("<!DOCTYPE x [<!ENTITY e 'x'>]><tomcat-users/>", "needs no DOCTYPE"),
    ],
)
def test_mistakes_name_file_and_line(users, text, message):
    users.write_text(text)
    with pytest.raises(ConfigError, match=message):
        UsersFileRealm(users)


def test_a_missing_file(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.xml: the users file cannot be read: No such file"):
        UsersFileRealm(tmp_path / "nowhere.xml")


def test_clear_text_in_a_file_of_our_own_is_warned_of(users, caplog):
    users.write_text("<tomcat-users><user username='alice' password='wonder'/></tomcat-users>")
    UsersFileRealm(users)
    assert "passwords in clear text: alice" in caplog.text
    assert "wonder" not in caplog.text


def test_a_changed_file_is_read_again(users):
    realm = UsersFileRealm(users)
    rewrite(users, TOMCAT.replace('"wonder"', '"other"'), 1)
    assert realm.authenticate("alice", "wonder") is None
    assert realm.authenticate("alice", "other")


def test_a_file_that_became_wrong_changes_nothing(users, caplog):
    realm = UsersFileRealm(users)
    rewrite(users, "<tomcat-users>", 1)
    assert realm.authenticate("alice", "wonder")
    assert realm.authenticate("alice", "wonder")
    assert [record.levelno for record in caplog.records] == [logging.ERROR]  # said once
    rewrite(users, TOMCAT.replace('"wonder"', '"other"'), 2)
    assert realm.authenticate("alice", "other")


def test_a_file_that_vanished_changes_nothing(users, caplog):
    realm = UsersFileRealm(users)
    users.unlink()
    assert realm.authenticate("alice", "wonder")
    assert "cannot be read" in caplog.text


def test_write_user_leaves_the_rest(users):
    write_user(str(users), "eve", hash_password("secret"), ["user", "guest"])
    write_user(str(users), "bob", "other", ["boss"])
    text = users.read_text(encoding="utf-8")
    assert "<!-- people -->" in text
    assert text.count("bob") == 1
    assert users.stat().st_mode & 0o777 == 0o600
    realm = UsersFileRealm(users)
    assert realm.authenticate("eve", "secret").roles == {"user", "guest"}
    assert realm.authenticate("bob", "other").roles == {"boss"}
    assert realm.authenticate("alice", "wonder")


def test_write_user_makes_the_file(tmp_path):
    path = tmp_path / "users.xml"
    write_user(str(path), "zoë", hash_password("naïve"), ["user"])
    assert set(read_users(str(path))) == {"zoë"}
    assert [file.name for file in tmp_path.iterdir()] == ["users.xml"]


@pytest.mark.parametrize(("roles", "expected"), [(None, {"manager", "user"}), ([], set()), (["x"], {"x"})])
def test_write_user_keeps_the_roles_of_somebody_unless_others_are_given(users, roles, expected):
    assert not write_user(users, "alice", "new", roles)
    assert read_users(str(users))["alice"].roles == expected


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "dave"])
def test_remove_user_leaves_the_rest(users, name):
    remove_user(users, name)
    left = users.read_text(encoding="utf-8")
    assert left.count("\n") == TOMCAT.count("\n") - 1
    assert set(left.splitlines()) <= set(TOMCAT.splitlines())
    assert set(read_users(str(users))) == {"alice", "bob", "carol", "dave"} - {name}
    with pytest.raises(ConfigError, match=rf"there is no user '{name}'"):
        remove_user(users, name)


def test_write_user_follows_a_link_and_says_where_it_cannot_write(users, tmp_path):
    link = tmp_path / "link.xml"
    link.symlink_to(users)
    write_user(link, "eve", "x")
    assert link.is_symlink()
    assert "eve" in read_users(str(users))
    with pytest.raises(ConfigError, match=r"cannot be written"):
        write_user(users / "below.xml", "eve", "x")
    with pytest.raises(ConfigError, match=r"no XML file can hold"):
        write_user(users, "e\x01ve", "x")


# --- SQL
# --------------------------------------------------------------------------------------------------------


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "users.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(
        """
        CREATE TABLE users (user_name TEXT, user_pass TEXT);
        CREATE TABLE user_roles (user_name TEXT, role_name TEXT);
        INSERT INTO user_roles VALUES ('alice', 'manager'), ('alice', 'user ');
        INSERT INTO users VALUES ('twice', 'x'), ('twice', 'x'), ('bob', NULL);
        """
    )
    connection.execute("INSERT INTO users VALUES ('alice', ?)", (pbkdf2("wonder"),))
    connection.commit()
    connection.close()
    return path


def test_sql_realm(database):
    realm = SqlRealm(lambda: sqlite3.connect(database))
    assert realm.authenticate("alice", "wonder") == Principal("alice", frozenset({"manager", "user"}))
    assert realm.authenticate("alice", "wander") is None
    assert realm.authenticate("twice", "x") is None
    assert realm.authenticate("' OR 1=1 --", "x") is None
    assert realm.find("bob") == Principal("bob", frozenset())
    assert realm.authenticate("bob", "") is None


def test_sql_realm_with_other_tables(database):
    realm = SqlRealm(
        lambda: sqlite3.connect(database),
        password_query="SELECT 'wonder' WHERE ? = 'alice'",
        roles_query="SELECT 'r' WHERE 1 OR ?",
    )
    assert realm.authenticate("alice", "wonder") == Principal("alice", frozenset({"r"}))


class Driver:
    """A DB-API module with another paramstyle; says what it was asked."""

    def __init__(self, paramstyle):
        self.paramstyle, self.asked = paramstyle, []

    def connect(self, database):
        self.asked.append(database)
        return self


@pytest.mark.parametrize(("style", "mark"), [("format", "%s"), ("pyformat", "%s"), ("numeric", ":1")])
def test_a_connector_finds_the_driver_and_its_parameters(monkeypatch, style, mark):
    driver = Driver(style)
    monkeypatch.setitem(sys.modules, "a_driver", driver)
    connect, found = connector("a_driver:dbname=shop user=web")
    connect()
    assert (driver.asked, found) == (["dbname=shop user=web"], mark)


def test_the_connector_of_sqlite_reads_a_file_and_makes_none(database, tmp_path):
    connect, mark = connector(f"sqlite3:{database}")
    realm = SqlRealm(connect)
    assert (realm.authenticate("alice", "wonder").name, mark) == ("alice", "?")
    missing = SqlRealm(connector(f"sqlite3:{tmp_path / 'missing'}")[0])
    with pytest.raises(RealmError):
        missing.find("alice")
    assert not (tmp_path / "missing").exists()


@pytest.mark.parametrize(
    ("database", "message"),
    [
        ("sqlite3", "write MODULE:DATABASE"),
        (":secret", "write MODULE:DATABASE"),
        ("sqlite3:", "write MODULE:DATABASE"),
        ("not_there:secret", "not_there is no DB-API module that can be imported here: No module"),
        ("json:secret", "json is no DB-API module that can be imported here: module 'json' has no"),
    ],
)
def test_a_wrong_database_is_told_without_what_may_be_a_password(database, message):
    with pytest.raises(ConfigError, match=message) as caught:
        connector(database)
    assert "secret" not in str(caught.value)


def test_users_come_from_a_database_by_a_setting(database, tmp_path, caplog):
    webapps = tmp_path / "webapps"
    webapps.mkdir()

    def realm(**settings):
        container = Container(Settings(webapps=webapps, **settings))
        container.deploy_all(webapps)
        return container.realm

    assert realm() is None
    found = realm(users_database=f"sqlite3:{database}")
    assert isinstance(found, LockOutRealm)
    assert found.authenticate("alice", "wonder").roles == {"manager", "user"}
    roles = "SELECT 'r' WHERE ? = 'alice'"
    found = realm(users_database=f"sqlite3:{database}", users_roles_query=roles, login_failures=0)
    assert isinstance(found, SqlRealm)
    assert found.find("alice").roles == {"r"}
    assert caplog.records == []
    realm(users_database=f"sqlite3:{database}", users_password_query="SELECT x FROM y WHERE z = ?")
    assert "no such table: y. Until it does nobody can log in" in caplog.text
    with pytest.raises(ConfigError, match="in one place"):
        realm(users_database=f"sqlite3:{database}", users=database)


def test_a_database_that_does_not_answer():
    realm = SqlRealm(lambda: sqlite3.connect("/nowhere/at/all.sqlite"))
    with pytest.raises(RealmError, match="the users' database does not answer"):
        realm.authenticate("alice", "wonder")


# --- lock-out
# ---------------------------------------------------------------------------------------------------


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def locking(realm, clock) -> LockOutRealm:
    return LockOutRealm(realm, clock=clock)


def guess(locking: LockOutRealm, *passwords: str) -> None:
    for password in passwords:
        assert locking.authenticate("alice", password) is None


def test_five_wrong_passwords_lock_for_300_seconds(locking, clock, caplog):
    guess(locking, "1", "2", "3", "4")
    assert not locking.is_locked("alice")
    guess(locking, "5")
    assert locking.is_locked("alice")
    assert "user 'alice' cannot log in for 300 s after 5 wrong passwords" in caplog.text
    clock.now_s = 299
    assert locking.authenticate("alice", "wonder") is None
    assert locking.authenticate("bob", "builder")
    clock.now_s = 300
    assert locking.authenticate("alice", "wonder")


def test_a_right_password_starts_the_count_again(locking):
    for _ in range(3):
        guess(locking, "1", "2", "3", "4")
        assert locking.authenticate("alice", "wonder")


def test_the_same_wrong_password_is_one_guess(locking):
    guess(locking, *["old"] * 20)
    assert locking.authenticate("alice", "wonder")


def test_old_failures_are_forgotten(locking, clock):
    guess(locking, "1", "2", "3", "4")
    clock.now_s = 300
    guess(locking, "5")
    assert locking.authenticate("alice", "wonder")


def test_attempts_during_the_rest_do_not_make_it_longer(locking, clock):
    guess(locking, "1", "2", "3", "4", "5")
    clock.now_s = 200
    guess(locking, "6", "7", "8", "9", "10")
    clock.now_s = 300
    assert locking.authenticate("alice", "wonder")


def test_a_locked_name_costs_the_same_work(locking, realm):
    guess(locking, "1", "2", "3", "4", "5")
    before = realm.lookups
    guess(locking, "6")
    assert realm.lookups > before


def test_memory_is_bounded(new_realm, clock):
    realm = new_realm({f"user{n}": ("x", set()) for n in range(20)})
    locking = LockOutRealm(realm, clock=clock, size=5)
    for n in range(20):
        locking.authenticate(f"user{n}", "wrong")
        locking.authenticate(f"stranger{n}", "wrong")
    assert list(locking._names) == [f"user{n}" for n in range(15, 20)]


def test_digests_are_counted_too(locking):
    for _ in range(5):
        assert locking.authenticate_digest("alice", "r", "MD5", "utf-8", lambda secret: False) is None
    assert locking.is_locked("alice")
    assert locking.authenticate_digest("alice", "r", "MD5", "utf-8", lambda secret: True) is None


def test_find_asks_no_password(locking):
    assert locking.find("alice") == Principal("alice", frozenset({"manager", "user"}))
    assert locking.find("nobody") is None


# --- principals and timing
# ----------------------------------------------------------------------------------------


def test_a_principal_can_be_pickled_and_printed():
    alice = Principal("alice", frozenset({"user"}))
    assert pickle.loads(pickle.dumps(alice)) == alice
    assert alice.getName() == str(alice) == "alice"


@pytest.mark.parametrize(
    ("stored", "unknown", "known"),
    [
        (pbkdf2("wonder"), [decoy_like(pbkdf2("wonder"))], [pbkdf2("wonder")]),
        ("wonder", ["decoy"], ["wonder", "decoy"]),
        (None, ["decoy"], ["decoy"]),
    ],
)
def test_a_wrong_answer_costs_the_same_for_every_name(new_realm, monkeypatch, stored, unknown, known):
    seen = []
    monkeypatch.setattr("container.security.realm.DECOY", "decoy")
    realm = new_realm({} if stored is None else {"alice": (stored, set())})
    monkeypatch.setattr(realm, "_verify", lambda password, stored: seen.append(stored))
    assert realm.authenticate("alice", "x") is None
    assert seen == known
    seen.clear()
    assert realm.authenticate("nobody", "x") is None
    assert seen == unknown


def test_a_decoy_costs_a_whole_hash_and_is_of_no_password():
    assert [len(part) for part in DECOY.split("$")] == [len(part) for part in hash_password("x").split("$")]
    assert DECOY.split("$")[1] == hash_password("x").split("$")[1]
    assert decoy_like(pbkdf2("x")) == f"73616c74$1000${'0' * 64}"
    assert not verify("", DECOY)
    assert not verify("x", decoy_like(pbkdf2("x")))


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_digest_can_use_a_stored_digest(new_realm, algorithm):
    secret = hashlib.new(algorithm.replace("-", ""), b"alice:Realm:wonder").hexdigest()
    realm = new_realm({"alice": (secret.upper(), set())})
    secrets = []
    for asked in ("MD5", "SHA-256"):
        realm.authenticate_digest("alice", "Realm", asked, "utf-8", lambda s: secrets.append(s) or False)
    assert secret in secrets
    assert secrets[0] != secrets[1]


def test_digest_needs_the_clear_password(new_realm, caplog):
    realm = new_realm({"alice": (pbkdf2("wonder"), set()), "bob": ("builder", set())})
    secrets = []
    for name in ("alice", "alice", "bob"):
        found = realm.authenticate_digest(
            name, "Realm", "SHA-256", "utf-8", lambda s: secrets.append(s) or True
        )
    assert found == Principal("bob", frozenset())
    assert secrets[-1] == hashlib.sha256(b"bob:Realm:builder").hexdigest()
    assert caplog.text.count("user 'alice' has a hashed password") == 1
