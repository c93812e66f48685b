"""The option of the conformance suite, a pytest plugin of each installed Doorward."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("doorward", "conformance of Doorward's storage backends")
    group.addoption(
        "--doorward-url",
        metavar="URL",
        help="where the backend is tested; {unique} in it becomes another word for each test",
    )
