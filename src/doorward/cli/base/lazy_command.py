"""A command whose code is imported when it runs."""

from importlib import import_module
from typing import Any

import click

from doorward.starting import starting


class LazyCommand(click.Command):
    """Stand for a command, so that the help and the version of its group import nothing else.

    :param summary: the first sentence of the command's own help.
    :param module: the module that defines the command, under its Python name.
    """

    def __init__(self, name: str, summary: str, module: str) -> None:
        super().__init__(name, short_help=summary)
        self._module = module

    def load(self) -> click.Command:
        """Import the command."""
        with starting():
            module = import_module(self._module)
        command: click.Command = getattr(module, self._module.split(".")[-1])
        return command

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Give the context of the command itself."""
        return self.load().make_context(info_name, args, parent, **extra)
