"""The Postman collection runs from top to bottom against a real server, and has every route."""

import json
import re
from pathlib import Path
from typing import Any

import httpx

from tests.http.routes import documented_routes
from tests.support.commands import doorward
from tests.support.processes import Service

COLLECTION = json.loads(Path("docs/doorward.postman_collection.json").read_text())


def items() -> list[dict[str, Any]]:
    return [item for folder in COLLECTION["item"] for item in folder["item"]]


class Postman:
    """The part of Postman that the collection needs: variables, cookies and bearer tokens."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.variables = {each["key"]: each["value"] for each in COLLECTION["variable"]}
        self.variables["base"] = ""

    def send(self, request: dict[str, Any]) -> httpx.Response:
        headers = {each["key"]: each["value"] for each in request["header"]}
        if request["auth"]["type"] == "bearer":
            token = self.fill(request["auth"]["bearer"][0]["value"])
            headers["Authorization"] = f"Bearer {token}"
        answer = self.client.request(
            request["method"],
            self.fill(request["url"]["raw"]),
            headers=headers,
            content=self.fill(request.get("body", {}).get("raw", "")),
        )
        self.keep(answer)
        return answer

    def fill(self, text: str) -> str:
        return re.sub(r"\{\{(\w+)\}\}", lambda name: self.variables[name[1]], text)

    def keep(self, answer: httpx.Response) -> None:
        """Do as the collection's scripts: remember the tokens of an answer that has both, the
        first session that is another one, and the first user.
        """
        body = _members(answer)
        if "refresh_token" in body:
            self.variables |= {name: body[name] for name in ("access_token", "refresh_token")}
        if "device_token" in body:
            self.variables["device_token"] = body["device_token"]
        data = body.get("data", {})
        others = [each for each in data.get("sessions", []) if not each["isCurrent"]]
        if others:
            self.variables["session_id"] = others[0]["id"]
        if data.get("users"):
            self.variables["user_id"] = data["users"][0]["id"]


def _members(answer: httpx.Response) -> dict[str, Any]:
    return dict(answer.json()) if answer.content else {}


def _has_all_of(answer: object, shown: object) -> bool:
    """Whether all members of the example are in the answer, in its lists and objects too."""
    if isinstance(shown, dict) and isinstance(answer, dict):
        return all(name in answer and _has_all_of(answer[name], shown[name]) for name in shown)
    if isinstance(shown, list) and isinstance(answer, list):
        return all(_has_all_of(each, shown[0]) for each in answer) if shown else True
    return True


def test_the_collection_runs_from_top_to_bottom(service: Service) -> None:
    name_an_administrator(service.folder)
    # Postman follows redirects from one name to the other.
    main_name = service.url.replace("127.0.0.1", "localhost")
    with httpx.Client(base_url=main_name) as client:
        postman = Postman(client)
        for item in items():
            answer, example = postman.send(item["request"]), item["response"][0]
            assert answer.status_code == example["code"], item["name"]
            shown = json.loads(example["body"] or "{}")
            assert _has_all_of(_members(answer), shown), item["name"]


def name_an_administrator(folder: Path) -> None:
    """Make a user an administrator, as the collection's description says."""
    variables = {each["key"]: each["value"] for each in COLLECTION["variable"]}
    email, password = variables["admin_email"], variables["password"]
    create = ("users", "create", email, "--name", "Grace", "--admin")
    result = doorward(folder, *create, typed=password + "\n")
    assert result.returncode == 0, result.stderr


def test_the_collection_has_every_route() -> None:
    sent = {(item["request"]["method"], item["request"]["url"]["raw"]) for item in items()}
    written = re.compile(r"\{(\w+)\}")  # as the OpenAPI document writes a parameter
    routes = {(method, written.sub(r"{{\1}}", path)) for method, path in documented_routes()}
    assert {(method, "{{base}}" + path) for method, path in routes} <= sent


def test_scripts_store_values_in_variables() -> None:
    scripts = json.dumps([item["event"] for item in items()])
    kept = set(re.findall(r"collectionVariables\.set\('(\w+)'", scripts))
    assert kept == {"access_token", "refresh_token", "device_token", "session_id", "user_id"}
    assert kept <= {each["key"] for each in COLLECTION["variable"]}
