"""The public keys, for services that verify access tokens themselves."""

import msgspec
from dishka.integrations.litestar import FromDishka, inject
from litestar import Controller, Response, get
from litestar.datastructures import ResponseHeader

from api.download import entity_tag, is_current
from api.json_request import JsonRequest
from api.openapi.operations import Revalidated, failures
from api.schemas.jwks import KeySet
from api.security.guard import PUBLIC
from application.signing_keys import ListPublicKeys
from domain.errors import Unavailable

_KEY_HEADERS = {
    "Cache-Control": "How long the keys may be kept.",
    "ETag": "Names this set of keys; send it as If-None-Match to learn whether there is another.",
}


class KeyController(Controller):
    tags = ["operation"]
    opt = PUBLIC

    @get(
        "/.well-known/jwks.json",
        summary="List the public keys",
        operation_class=Revalidated,
        response_headers=[
            ResponseHeader(name=name, description=text, value="", documentation_only=True)
            for name, text in _KEY_HEADERS.items()
        ],
        responses=failures(Unavailable),
    )
    @inject
    async def list_keys(
        self,
        request: JsonRequest,
        list_public_keys: FromDishka[ListPublicKeys],
    ) -> Response[KeySet | None]:
        """Return the public keys of access tokens (RFC 7517): the current one, the next one, and
        retired ones whose tokens have not expired. A verifier that meets an unknown `kid` fetches
        them again.
        """
        public = await list_public_keys()
        keys = KeySet([dict(key) for key in public.keys])
        tag = entity_tag(msgspec.json.encode(keys))
        headers = {
            "ETag": tag,
            "Cache-Control": f"public, max-age={public.max_age.total_seconds():.0f}",
        }
        if is_current(request.headers, tag):
            return Response(None, status_code=304, headers=headers)
        return Response(keys, headers=headers)
