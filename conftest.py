"""Loaded before all tests: a failed ``assert`` shows its values in their helpers, too."""

import pytest

pytest.register_assert_rewrite("doorward.conformance", "tests")
