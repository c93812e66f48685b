"""The template engine: Jinja2, with escaped HTML and no undefined variables."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from jinja2.meta import find_undeclared_variables


class TemplateFault(Exception):
    """A template is wrong: what follows its name in a sentence."""


class Engine:
    """Compiles and renders the templates in some folders, of which the first one wins."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._loader = jinja2.FileSystemLoader(folders)
        self._environment = jinja2.Environment(
            loader=self._loader,
            autoescape=jinja2.select_autoescape(["html"], default=False),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            cache_size=-1,
        )

    def render(self, name: str, values: Mapping[str, Any]) -> str:
        return self._environment.get_template(name).render(values)

    def check(self, name: str, known: set[str] | None) -> None:
        """Compile a template.

        :param known: the variables that it may use, in whichever branch; ``None`` for any.
        :raises TemplateFault: it cannot be compiled, or uses another variable.
        """
        try:
            source, *_ = self._loader.get_source(self._environment, name)
            used = find_undeclared_variables(self._environment.parse(source, name))
            self._environment.get_template(name)
        except jinja2.TemplateSyntaxError as error:
            raise TemplateFault(f"in line {error.lineno}: {error.message}") from None
        except (jinja2.TemplateError, OSError, ValueError) as error:  # not in UTF-8, for instance
            raise TemplateFault(f"which cannot be read ({type(error).__name__})") from None
        if known is not None and (unknown := used - known):
            raise TemplateFault(f"which uses the unknown variable {min(unknown)}")


def explain(error: Exception) -> str:
    """Return what follows the name of a template that fails."""
    if isinstance(error, jinja2.TemplateNotFound):
        return f"which needs {error.name}, and there is none"
    return f"which fails: {error}"
