"""Column types that mean the same on SQLite, MySQL and MariaDB."""

from typing import Final

from sqlalchemy import BigInteger, Float, Integer, LargeBinary, String, Text
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

MYSQL: Final = ("mysql", "mariadb")

Id = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite numbers rows by itself only in a column that is an INTEGER."""
MAX_ID: Final = 2**63 - 1

Document = Text().with_variant(mysql.MEDIUMTEXT(), *MYSQL)
"""JSON as text: MySQL's own type reorders it and MariaDB's refuses what nests deeper than 32."""

Blob = LargeBinary().with_variant(mysql.MEDIUMBLOB(), *MYSQL)

Double = Float(53).with_variant(mysql.DOUBLE(asdecimal=False), *MYSQL)


def identifier(length: int) -> TypeEngine[str]:
    """A case-sensitive ASCII name. `utf8mb4_general_ci` would take `SCM-1` for `scm-1`."""
    ascii_bin = mysql.VARCHAR(length, charset="ascii", collation="ascii_bin")
    return String(length).with_variant(ascii_bin, *MYSQL)
