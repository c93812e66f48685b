"""``doorward openapi``: the OpenAPI document, from the command line."""

import json

import click

from api.app import openapi_document
from doorward.wiring.http import origin_policy
from infrastructure.config.http import HttpSettings


@click.command()
def openapi() -> None:
    """Print the OpenAPI document. It needs no configuration and no store."""
    document = openapi_document(origin_policy(HttpSettings()))
    click.echo(json.dumps(document, indent=2))
