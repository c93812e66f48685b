"""The templates of pages, and the files with which an operator replaces some of them."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from pathlib import Path

import jinja2
from jinja2 import meta, nodes
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.template import TemplateConfig

from api.web.assets import is_asset
from api.web.overrides.invalid import OverrideInvalid, read_text
from api.web.translations import Translations

_FOLDER = Path(__file__).parents[1] / "templates"
_ORIGINAL = "original"
"""The prefix under which a file can extend the template that it replaces."""
_MARK = re.compile(r"\{# doorward: (\S+) sha256:([0-9a-f]+) #\}")
_COMMON = {"t", "url", "asset", "options", "languages", "principal", "sections", "form"}
"""The variables of all pages."""


class Origin(Enum):
    """Whether the original is still the one that a file was made from."""

    CURRENT = "current"
    CHANGED = "changed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Override:
    """A file in place of a template.

    :ivar name: of the template, such as ``admin/keys.html``.
    """

    name: str
    path: Path
    origin: Origin


def template_config(overrides: Path | None) -> TemplateConfig[JinjaTemplateEngine]:
    """
    :param overrides: the folder of the operator's files.
    """
    return TemplateConfig(instance=JinjaTemplateEngine.from_environment(_environment(overrides)))


def template_names() -> list[str]:
    return [path.relative_to(_FOLDER).as_posix() for path in sorted(_FOLDER.rglob("*.html"))]


def template_to_edit(name: str) -> str:
    """Return a template as a file to begin with: its first line says which original it was."""
    return f"{{# doorward: {name} sha256:{_digest(name)} #}}\n{(_FOLDER / name).read_text()}"


def read_overrides(folder: Path) -> list[Override]:
    """Read the operator's files, and compile them.

    :raises OverrideInvalid: one is no template, replaces none, or uses what there is not.
    """
    if not (os.access(folder, os.R_OK | os.X_OK) and folder.is_dir()):
        raise OverrideInvalid(folder, None, "is no folder that can be read")
    environment, known, found = _environment(folder), set(template_names()), []
    for path in sorted(folder.rglob("*.html")):
        name = path.relative_to(folder).as_posix()
        if name.startswith("."):  # where Kubernetes has the versions of a mounted folder
            continue
        if name not in known:
            raise OverrideInvalid(
                path, None, "replaces none; `doorward pages template` lists them"
            )
        source = read_text(path)
        tree = _parse(environment, path, source)
        for line, reason in _faults(environment, name, tree, folder):
            raise OverrideInvalid(path, line, reason)
        found.append(Override(name, path, _origin(name, source)))
    return found


def _environment(overrides: Path | None) -> jinja2.Environment:
    originals = jinja2.FileSystemLoader(_FOLDER)
    loaders = [originals, jinja2.PrefixLoader({_ORIGINAL: originals})]
    own = [jinja2.FileSystemLoader(overrides)] if overrides else []
    return jinja2.Environment(
        loader=jinja2.ChoiceLoader([*own, *loaders]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )


def _parse(environment: jinja2.Environment, path: Path, source: str) -> nodes.Template:
    try:
        tree = environment.parse(source)
        environment.compile(source)
    except jinja2.TemplateSyntaxError as error:
        raise OverrideInvalid(path, error.lineno, error.message or "is no template") from None
    return tree


def _origin(name: str, source: str) -> Origin:
    mark = _MARK.match(source)
    if mark is None or mark[1] != name:
        return Origin.UNKNOWN
    return Origin.CURRENT if mark[2] == _digest(name) else Origin.CHANGED


def _digest(name: str) -> str:
    return sha256((_FOLDER / name).read_bytes()).hexdigest()[:16]


def _faults(
    environment: jinja2.Environment, name: str, tree: nodes.Template, folder: Path
) -> Iterator[tuple[int, str]]:
    """Yield what a template uses and there is not, with the line."""
    yield from _missing_templates(environment, name, tree)
    yield from _missing_texts_and_files(tree, folder)
    unknown = meta.find_undeclared_variables(tree) - _variables(environment, name) - _set_in(tree)
    for each in tree.find_all(nodes.Name):
        if each.ctx == "load" and each.name in unknown:
            yield each.lineno, f"there is no variable {each.name}"


def _missing_templates(
    environment: jinja2.Environment, name: str, tree: nodes.Template
) -> Iterator[tuple[int, str]]:
    for node in tree.find_all((nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)):
        match getattr(node, "template", None):
            case nodes.Const(value=str(used)) if used == name:
                yield node.lineno, f"it includes itself: write {_ORIGINAL}/{name}"
            case nodes.Const(value=str(used)) if not _exists(environment, used):
                yield node.lineno, f"there is no template {used}"


def _missing_texts_and_files(tree: nodes.Template, folder: Path) -> Iterator[tuple[int, str]]:
    texts = Translations(folder).in_language()
    for call in tree.find_all(nodes.Call):
        match call.node, call.args:
            case nodes.Name(name="t"), [nodes.Const(value=str(key)), *_] if not texts.has(key):
                yield call.lineno, f"there is no text {key}"
            case nodes.Name(name="asset"), [nodes.Const(value=str(file))] if not is_asset(file):
                yield call.lineno, f"there is no file {file}"


def _exists(environment: jinja2.Environment, name: str) -> bool:
    try:
        environment.get_template(name)
    except (jinja2.TemplateNotFound, jinja2.TemplateSyntaxError) as error:
        return isinstance(error, jinja2.TemplateSyntaxError)  # which is reported for itself
    return True


def _variables(environment: jinja2.Environment, name: str) -> set[str]:
    """Return the variables that the original uses, and those of all pages."""
    return _COMMON | meta.find_undeclared_variables(
        environment.parse((_FOLDER / name).read_text())
    )


def _set_in(tree: nodes.Template) -> set[str]:
    """Return the names that a template gives itself: its blocks see those of its first level."""
    names = {each.name for each in tree.find_all(nodes.Name) if each.ctx != "load"}
    names |= {each.name for each in tree.find_all(nodes.Macro)}
    names |= {each.target for each in tree.find_all(nodes.Import)}
    for each in tree.find_all(nodes.FromImport):
        names |= {one if isinstance(one, str) else one[1] for one in each.names}
    return names
