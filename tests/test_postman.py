"""The Postman collection runs from top to bottom against a real server, and has every route."""

import json
import re
from pathlib import Path
from typing import Any

import httpx

from tests.api.routes import documented_routes
from tests.processes import Service

COLLECTION = json.loads(Path("docs/doorward.postman_collection.json").read_text())


def items() -> list[dict[str, Any]]:
    return [item for folder in COLLECTION["item"] for item in folder["item"]]


class Postman:
    """As much of Postman as the collection needs: variables, a cookie jar and bearer tokens."""

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
        """What the collection's scripts do: remember the tokens of an answer that has both."""
        body = _members(answer)
        if "refresh_token" in body:
            self.variables |= {name: body[name] for name in ("access_token", "refresh_token")}


def _members(answer: httpx.Response) -> dict[str, Any]:
    return dict(answer.json()) if answer.content else {}


def test_the_collection_runs_from_top_to_bottom(service: Service) -> None:
    with httpx.Client(base_url=service.url) as client:
        postman = Postman(client)
        for item in items():
            answer, example = postman.send(item["request"]), item["response"][0]
            assert answer.status_code == example["code"], item["name"]
            shown = json.loads(example["body"] or "{}")
            assert _members(answer).keys() >= shown.keys(), item["name"]


def test_the_collection_has_every_route() -> None:
    sent = {(item["request"]["method"], item["request"]["url"]["raw"]) for item in items()}
    assert {(method, "{{base}}" + path) for method, path in documented_routes()} <= sent
