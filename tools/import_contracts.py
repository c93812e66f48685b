"""Contracts of import-linter that it does not bring itself."""

import sys
from typing import cast

import grimp
from importlinter import Contract, ContractCheck, fields, output


class StandardLibraryOnly(Contract):
    """Packages that import nothing but the standard library and each other.

    A list of forbidden libraries would have to name each new dependency; this contract does not.

    :cvar packages: the root packages that it is about.
    """

    packages = fields.SetField(subfield=fields.StringField())

    def check(self, graph: grimp.ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002 - import-linter's signature
        packages = cast(
            set[str], self.packages
        )  # import-linter puts the value in the field's place
        allowed = sys.stdlib_module_names | packages
        found = [
            (importer, imported)
            for importer in sorted(graph.modules)
            if _root(importer) in packages
            for imported in sorted(graph.find_modules_directly_imported_by(importer))
            if _root(imported) not in allowed
        ]
        return ContractCheck(kept=not found, metadata={"found": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for importer, imported in check.metadata["found"]:
            output.print_error(f"{importer} imports {imported}", bold=False)


def _root(module: str) -> str:
    return module.partition(".")[0]
