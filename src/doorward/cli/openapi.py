"""``doorward openapi``: the OpenAPI document, from the command line."""

import json

import click

from doorward.main import make_app
from infrastructure.config.settings import Settings


@click.command()
def openapi() -> None:
    """Print the OpenAPI document. It depends on no configuration and needs no store."""
    app = make_app(Settings.read({"USERS_URL": "memory:"}))
    click.echo(json.dumps(app.openapi_schema.to_schema(), indent=2))
