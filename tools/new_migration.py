"""Begin a migration: write the next file of ``alembic/versions`` from ``alembic/script.py.mako``.

.venv/bin/python -m tools.new_migration "Names of devices"
"""

import sys
from pathlib import Path

from alembic.script import ScriptDirectory

from infrastructure.storage.sql.migrations.state import SCRIPTS


def new_migration(subject: str, scripts: Path = SCRIPTS) -> Path:
    """Write the file, whose migration adds a column as an example.

    :param subject: the first line of its docstring, without a full stop.
    :param scripts: the folder with the template and the migrations before.
    """
    directory = ScriptDirectory(str(scripts), file_template="%(rev)s_%(slug)s")
    before = directory.get_revision("head")
    made = directory.generate_revision(
        f"{int(before.revision) + 1:04}",
        subject,
        head=before.revision,
        oldest_compatible=before.module.oldest_compatible,
    )
    if made is None:
        raise FileNotFoundError(scripts / "script.py.mako")
    return Path(made.path)


if __name__ == "__main__":
    print(new_migration(sys.argv[1]))
