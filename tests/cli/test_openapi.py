"""`doorward openapi`."""

import json
from pathlib import Path

from openapi_spec_validator import validate

from tests.support.commands import doorward


class TestOpenApi:
    def test_the_document_is_valid_and_the_same_everywhere(self, tmp_path: Path) -> None:
        result = doorward(tmp_path, "openapi")
        validate(json.loads(result.stdout))

        elsewhere = {"PUBLIC_URL": "https://id.example", "DATABASE_URL": "postgresql://h.invalid"}
        assert doorward(tmp_path, "openapi", **elsewhere).stdout == result.stdout
        assert not list(tmp_path.iterdir())
