"""Options that several commands have."""

import click

reason_option = click.option("--reason", help="Why, for the audit log.")
