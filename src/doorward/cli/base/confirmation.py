"""The confirmation of a command that cannot be undone."""

import sys

import click

yes_option = click.option("--yes", is_flag=True, help="Do not ask. Needed without a terminal.")


def confirm(act: str, question: str) -> None:
    """Ask at the terminal.

    :param act: the act in the present tense, for the error without a terminal.
    :raises click.UsageError: there is no terminal.
    :raises click.Abort: the answer is no.
    """
    if not sys.stdin.isatty():
        raise click.UsageError(f"this {act}: confirm it with --yes")
    click.confirm(question, abort=True)
