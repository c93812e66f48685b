"""``doorward pages …``: the templates of the pages, from the command line."""

import click

from api.web.overrides.templates import template_names, template_to_edit
from api.web.translations import DEFAULT, file_of, texts_by_language


@click.group()
def pages() -> None:
    """The pages for people."""


@pages.command()
@click.argument("name", required=False, type=click.Choice(template_names()), metavar="[NAME]")
def template(name: str | None) -> None:
    """Print a template, to be changed in the folder PAGE_TEMPLATES; without NAME, list all.

    Its first line says which original it was made from: with it, a start warns when the original
    has changed since.
    """
    if name is None:
        click.echo("\n".join(template_names()))
    else:
        click.echo(template_to_edit(name), nl=False)


@pages.command()
@click.argument("language", type=click.Choice(sorted(texts_by_language())), default=DEFAULT)
def texts(language: str) -> None:
    """Print the texts in LANGUAGE, to be translated or changed below PAGE_TEMPLATES."""
    click.echo(file_of(language), nl=False)
