"""The classes that extend uvicorn's rely on names that uvicorn does not promise to keep.

``pyproject.toml`` allows one minor version of uvicorn. When that is raised, these tests tell which
names are gone, and which new one of uvicorn's a class would override by accident.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from importlib.metadata import requires, version

import httptools
import pytest
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from doorward.server import run, supervisor
from doorward.server.config import ServerConfig
from doorward.server.graceful_server import GracefulServer
from doorward.server.http_protocol import BoundedHttp

OVERRIDDEN = {
    ServerConfig: {"__init__"},
    GracefulServer: {
        "__init__",
        "config",
        "should_exit",
        "serve",
        "handle_exit",
        "on_tick",
        "shutdown",
    },
    BoundedHttp: {
        "config",
        "parser",
        "timeout_keep_alive",
        "timeout_keep_alive_task",
        "connection_made",
        "connection_lost",
        "data_received",
        "on_response_complete",
        "on_message_begin",
        "on_url",
        "on_header",
        "on_headers_complete",
        "on_body",
        "on_message_complete",
        "shutdown",
        "pause_writing",
        "resume_writing",
        "send_400_response",
    },
    supervisor.Worker: {"server", "_server", "target", "start"},
    supervisor.Workers: {
        "__init__",
        "processes",
        "should_exit",
        "init_processes",
        "keep_subprocess_alive",
        "handle_int",
        "handle_hup",
        "restart_all",
        "handle_ttin",
        "handle_ttou",
        "terminate_all",
        "join_all",
    },
    run._Reloader: {"__init__", "restart"},
}
"""All of uvicorn's names that each class redefines, or assigns to."""

ATTRIBUTES = {
    "cycle": RequestResponseCycle,
    "flow": FlowControl,
    "server_state": ServerState,
}
"""Objects of uvicorn's that a class uses as ``self.<name>``, by name."""

each_class = pytest.mark.parametrize(
    "extended", OVERRIDDEN, ids=lambda each: each.__name__.strip("_")
)


def parsed(kind: type) -> ast.AST:
    return ast.parse(textwrap.dedent(inspect.getsource(kind)))


def is_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def is_super(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"
    )


def attributes(kind: type, is_owner: Callable[[ast.AST], bool]) -> Iterator[ast.Attribute]:
    """The uses of attributes in the source of a class, of objects that ``is_owner`` accepts."""
    for node in ast.walk(parsed(kind)):
        if isinstance(node, ast.Attribute) and is_owner(node.value):
            yield node


def assigned(kind: type) -> set[str]:
    """Return the attributes that the methods of a class assign to ``self``."""
    return {use.attr for use in attributes(kind, is_self) if isinstance(use.ctx, ast.Store)}


def defined(kind: type) -> set[str]:
    """Return all names that the body of a class and its methods define."""
    if kind.__module__ == "builtins":
        return set(vars(kind))
    return set(vars(kind)) | set(vars(kind).get("__annotations__", ())) | assigned(kind)


def inherited(kind: type) -> set[str]:
    return set().union(*(defined(parent) for parent in kind.__mro__[1:]))


def uvicorns(kind: type) -> set[str]:
    """Return the classes of uvicorn that a class inherits."""
    parents = [each for each in kind.__mro__ if each.__module__.startswith("uvicorn.")]
    assert parents
    return set().union(*map(defined, parents))


@each_class
def test_a_class_overrides_the_names_that_it_means_to_and_uvicorn_has_them(extended: type) -> None:
    own = {name for name in defined(extended) if name == "__init__" or name[:2] != "__"}

    assert own & uvicorns(extended) == OVERRIDDEN[extended]


@each_class
def test_each_name_that_a_class_uses_of_itself_exists(extended: type) -> None:
    known = defined(extended) | inherited(extended)

    used = {use.attr for use in attributes(extended, is_self)}
    assert used - known == set()
    called = {use.attr for use in attributes(extended, is_super)}
    assert called - inherited(extended) == set()
    assert called <= OVERRIDDEN[extended]


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_each_name_that_a_class_uses_of_uvicorns_objects_exists(name: str) -> None:
    def is_owner(node: ast.AST) -> bool:
        return isinstance(node, ast.Attribute) and node.attr == name and is_self(node.value)

    used = {use.attr for kind in OVERRIDDEN for use in attributes(kind, is_owner)}

    assert used
    assert used - defined(ATTRIBUTES[name]) == set()


@each_class
def test_an_overridden_method_takes_the_arguments_that_uvicorn_passes(extended: type) -> None:
    for name in OVERRIDDEN[extended] - {"__init__"}:
        ours = vars(extended).get(name)
        if inspect.isfunction(ours):
            theirs = next(vars(each)[name] for each in extended.__mro__[1:] if name in vars(each))
            assert list(inspect.signature(ours).parameters) == list(
                inspect.signature(theirs).parameters
            )
            assert inspect.iscoroutinefunction(ours) == inspect.iscoroutinefunction(theirs)


def test_uvicorn_parses_as_the_protocol_does_after_an_upgrade() -> None:
    """``BoundedHttp`` makes a parser of its own then, with the leniencies of uvicorn's."""
    source = inspect.getsource(HttpToolsProtocol.__init__)

    assert source.count("httptools.HttpRequestParser(self)") == 1
    assert source.count("set_dangerous_leniencies(") == 1
    assert "self.parser.set_dangerous_leniencies(lenient_data_after_close=True)" in source
    for name in ("feed_data", "get_method", "get_http_version", "should_upgrade"):
        assert hasattr(httptools.HttpRequestParser, name)


def test_only_the_minor_version_of_uvicorn_that_is_installed_is_allowed() -> None:
    [requirement] = [each for each in requires("doorward") or () if each.startswith("uvicorn")]
    major, minor, *_ = version("uvicorn").split(".")

    bounds = {f">={major}.{minor}", f"<{major}.{int(minor) + 1}"}
    assert set(requirement.removeprefix("uvicorn").split(",")) == bounds
