"""Secrets from files: `SUNSWEEP_X_FILE` names the file that holds what `SUNSWEEP_X` would say."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import InitErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

MAX_BYTES: Final = 64 * 1024


class SecretFiles(PydanticBaseSettingsSource):
    """Of every `SecretStr`, and of what else may hold a password: `also`. A secret that is told twice is an error."""

    def __init__(
        self, kind: type[BaseSettings], told: Mapping[str, str | None], *, prefix: str, also: tuple[str, ...]
    ) -> None:
        super().__init__(kind)
        self._told = told
        self._prefix = prefix.lower()
        self._also = also

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The value, the variable that names the file, and whether the value is to be parsed."""
        variable = f"{self._prefix}{field_name}"
        place = self._told.get(f"{variable}_file")
        if not place or not (field_name in self._also or _is_secret(field)):
            return None, field_name, False
        if self._told.get(variable):
            raise self._error(field_name, f"it is told twice: by itself and by {variable.upper()}_FILE")
        return self._read(field_name, Path(place)), field_name, False

    def __call__(self) -> dict[str, Any]:
        fields = self.settings_cls.model_fields
        found = {name: self.get_field_value(field, name)[0] for name, field in fields.items()}
        return {name: value for name, value in found.items() if value is not None}

    def _read(self, name: str, file: Path) -> str:
        """Without the line's end that editors add; never is the value in an error."""
        try:
            with file.open("rb") as opened:
                text = opened.read(MAX_BYTES + 1).decode()
        except OSError as error:
            raise self._error(name, f"{file} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError:
            raise self._error(name, f"{file} is no UTF-8 text") from None
        value = text.removesuffix("\n").removesuffix("\r")
        if not value:
            raise self._error(name, f"{file} is empty")
        if len(text) > MAX_BYTES or "\n" in value or "\0" in value:
            raise self._error(name, f"{file} holds more than one line")
        return value

    def _error(self, name: str, words: str) -> ValidationError:
        kind = PydanticCustomError("secret_file", "{words}", {"words": words})
        return ValidationError.from_exception_data(
            self.settings_cls.__name__, [InitErrorDetails(type=kind, loc=(name,), input=None)], hide_input=True
        )


def _is_secret(field: FieldInfo) -> bool:
    """Also one that may be absent, and one with a check of its own."""
    kinds = (field.annotation, *get_args(field.annotation))
    return any(SecretStr in (kind, *get_args(kind)) for kind in kinds)
