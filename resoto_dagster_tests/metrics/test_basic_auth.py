import base64
import threading

import bcrypt
import pytest

from resoto_dagster.metrics.basic_auth import Users, is_bcrypt_hash


def hashed(password: str, prefix: str = "2y") -> str:
    return "$" + prefix + bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4)).decode()[3:]


def header(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The hashes that bcrypt was asked for."""
    asked, really = [], bcrypt.checkpw

    def check(password: bytes, hash_: bytes) -> bool:
        asked.append(hash_)
        return really(password, hash_)

    monkeypatch.setattr(bcrypt, "checkpw", check)
    return asked


@pytest.mark.parametrize("prefix", ["2a", "2b", "2y"])
def test_all_spellings_of_bcrypt_are_taken(prefix: str) -> None:
    hash_ = hashed("geheim", prefix)
    assert is_bcrypt_hash(hash_)
    users = Users({"alice": hash_})
    assert users.let_in(header("alice", "geheim"))
    assert not users.let_in(header("alice", "Geheim"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "geheim",
        "$2y$10$short",
        "$1$abcdefgh$0123456789012345678901",
        "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
        hashed("a").replace("$04$", "$03$"),
        hashed("a").replace("$04$", "$32$"),
        hashed("a") + "\n",
    ],
    ids=range(8),
)
def test_what_is_no_bcrypt_hash_is_told_apart(text: str) -> None:
    assert not is_bcrypt_hash(text)


def test_a_user_with_letters_of_all_kinds_and_colons_in_the_password_comes_in() -> None:
    assert Users({"älice": hashed("a:b:ü")}).let_in(header("älice", "a:b:ü"))


def test_of_a_long_password_as_much_counts_as_for_everybody_who_uses_bcrypt() -> None:
    users = Users({"alice": hashed("x" * 72 + "y")})
    assert users.let_in(header("alice", "x" * 72 + "z"))
    assert not users.let_in(header("alice", "x" * 71))


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic YWxpY2U=",
        "Basic ü",
        "Bearer YWxpY2U6Z2VoZWlt",
        "alice:geheim",
        header("alice", ""),
        header("", "geheim"),
        header("bob", "geheim"),
        header("alice", "geheim\0"),
    ],
)
def test_anything_else_stays_out(authorization: str | None) -> None:
    assert not Users({"alice": hashed("geheim")}).let_in(authorization)


def test_who_was_let_in_is_known_without_another_check(checks: list[bytes]) -> None:
    users = Users({"alice": hashed("geheim")})
    assert all(users.let_in(header("alice", "geheim")) for _ in range(3))
    assert len(checks) == 1
    assert not any(users.let_in(header("alice", "wrong")) for _ in range(3))
    assert len(checks) == 4


def test_somebody_unknown_costs_as_much_as_the_costliest_who_is_known(checks: list[bytes]) -> None:
    costly = bcrypt.hashpw(b"b", bcrypt.gensalt(5)).decode()
    users = Users({"alice": hashed("a"), "bob": costly})
    assert not users.let_in(header("carol", "b"))
    assert checks == [costly.encode()]
    assert not users.let_in(header("carol", "b"))
    assert len(checks) == 2


def test_nothing_that_is_kept_has_a_password_in_it() -> None:
    users = Users({"alice": hashed("geheim-und-lang")})
    assert users.let_in(header("alice", "geheim-und-lang"))
    kept = repr(vars(users)).encode()
    assert b"geheim" not in kept
    assert base64.b64encode(b"alice:geheim-und-lang") not in kept


def test_one_password_is_checked_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once, most, really = 0, 0, bcrypt.checkpw
    lock = threading.Lock()

    def check(password: bytes, hash_: bytes) -> bool:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        right = really(password, hash_)
        with lock:
            at_once -= 1
        return right

    monkeypatch.setattr(bcrypt, "checkpw", check)
    users = Users({"alice": hashed("geheim")})
    threads = [threading.Thread(target=users.let_in, args=(header("alice", f"wrong {i}"),)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
