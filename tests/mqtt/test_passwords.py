"""One hash for both brokers."""

import string

from sunsweep.mqtt.passwords import generate_password, generate_salt, hash_password, mosquitto_line
from sunsweep.mqtt.port import BrokerUser


def test_the_hash_is_what_emqx_reads() -> None:
    # The reference: openssl kdf -keylen 64 -kdfopt digest:SHA512 -kdfopt pass:secret -kdfopt salt:abcdefghijkl
    # -kdfopt iter:1 PBKDF2
    digest = hash_password("secret", "abcdefghijkl")
    assert digest == REFERENCE
    assert len(bytes.fromhex(digest)) == 64


def test_the_line_is_what_mosquitto_reads() -> None:
    line = mosquitto_line(BrokerUser("m-1", "00ff" * 32, "abcdefghijkl", ()))
    name, empty, scheme, iterations, salt, digest = line.replace(":", "$", 1).split("$")
    assert (name, empty, scheme, iterations) == ("m-1", "", "7", "1")
    assert (salt, digest[:4]) == ("YWJjZGVmZ2hpamts", "AP8A")


def test_passwords_have_bits_enough_and_are_safe_to_type() -> None:
    drawn = {generate_password() for _ in range(2000)}
    assert len(drawn) == 2000
    assert not any(password.startswith("-") for password in drawn)
    assert all(set(password) <= set(string.ascii_letters + string.digits + "-_") for password in drawn)
    assert min(map(len, drawn)) * 6 >= 128


def test_salts_are_twelve_characters() -> None:
    salts = {generate_salt() for _ in range(1000)}
    assert len(salts) == 1000
    assert {len(salt) for salt in salts} == {12}
    assert all(salt.isascii() and salt.isalnum() for salt in salts)


REFERENCE = (
    "a43c19b205885a46089a60c374076654ded7634e0d27d06de4a491fc9b036f95"
    "59b4ea2398a7496d673af0ae563fbe17022ec34d885c0cb44507954e606d8706"
)
