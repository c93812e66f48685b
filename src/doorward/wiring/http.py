"""The web application: its guard, its middleware and its place on the web."""

from collections.abc import Callable, Iterator
from functools import partial
from time import perf_counter

from dishka import AsyncContainer, Provider, Scope, from_context, provide, provide_all
from litestar import Litestar
from litestar.types import HTTPScope

from api.app import RouteGuard, RouteOptions, create_app
from api.controllers.health import HealthLog
from api.flow_response import FlowResponses
from api.lifecycle import Lifecycle
from api.middleware.fast_path import FastPath
from api.middleware.instrumentation import UNKNOWN, RequestObserver, Routes, observed
from api.middleware.path_prefix import with_path_prefix
from api.middleware.preflight import REFUSED_ORIGIN
from api.middleware.request_context import is_from_proxy
from api.security.cookies import CookieNames, CookieWriter
from api.security.credential_reader import CredentialReader
from api.security.flow_cookies import FlowCookies
from api.security.guard import Guard
from api.security.origin_policy import OriginPolicy
from api.security.return_to import ReturnTargets
from api.web.access import PageGuard
from api.web.admin.audit_filter import ReadAuditFilter
from api.web.assets import Assets
from api.web.controllers.admin.action_page import UserAction
from api.web.page import PageOptions, Pages
from api.web.step_up_form import FindFormProof
from api.web.visitors import Visitors
from application.registration_policy import RegistrationPolicy
from application.social_login.identities import ListProviders
from domain.passwords.password import PasswordRule
from doorward.wiring.pages import brand
from infrastructure.config.http import HttpSettings
from infrastructure.config.logging import LogSettings
from infrastructure.config.settings import Settings
from infrastructure.telemetry.access_log import AccessLog
from infrastructure.telemetry.telemetry import Observation


class HttpProvider(Provider):
    """Provides the web application."""

    scope = Scope.APP

    lifecycle = from_context(Lifecycle)
    security = provide_all(CookieWriter, CredentialReader, FlowCookies, Guard, FastPath)
    web = provide_all(
        FindFormProof, Pages, Visitors, PageGuard, RouteGuard, ReadAuditFilter, UserAction
    )

    @provide
    def health_log(self) -> HealthLog:
        return HealthLog()

    @provide
    def origin_policy(self, settings: HttpSettings) -> OriginPolicy:
        return origin_policy(settings)

    @provide
    def cookie_names(self, settings: HttpSettings, origin_policy: OriginPolicy) -> CookieNames:
        return CookieNames.under(origin_policy, settings.cookie_prefix)

    @provide
    def route_options(self, settings: Settings, rule: PasswordRule) -> RouteOptions:
        http = settings.http
        return RouteOptions(
            http.api_docs,
            http.legacy_get,
            rule.shortest,
            http.path_prefix,
            settings.pages.has_account_pages,
            settings.pages.has_admin_pages,
            settings.related_origins,
            settings.password_page,
            settings.pages.templates,
        )

    @provide
    def return_targets(self, settings: Settings) -> ReturnTargets:
        return ReturnTargets(settings.pages.return_pages)

    @provide
    def flow_responses(
        self,
        settings: Settings,
        origin_policy: OriginPolicy,
        cookies: CookieWriter,
        flow_cookies: FlowCookies,
        return_targets: ReturnTargets,
    ) -> FlowResponses:
        return FlowResponses(
            origin_policy,
            cookies,
            flow_cookies,
            return_targets,
            settings.http.path_prefix,
            has_pages=settings.pages.has_account_pages,
        )

    @provide
    async def page_options(
        self,
        settings: Settings,
        rule: PasswordRule,
        registration: RegistrationPolicy,
        list_providers: ListProviders,
        return_targets: ReturnTargets,
    ) -> PageOptions:
        return PageOptions(
            path_prefix=settings.http.path_prefix,
            has_pages=settings.pages.has_account_pages,
            has_admin_pages=settings.pages.has_admin_pages,
            service=settings.pages.service_name,
            has_docs=settings.http.api_docs,
            can_register=registration.is_open,
            sends_mail=settings.sends_mail,
            asks_for_verification=registration.asks_for_verification,
            providers=await list_providers(),
            shortest_password=rule.shortest,
            revocation_bound=settings.storage.revocation_bound,
            return_targets=return_targets,
            brand=brand(settings.pages),
            overrides=settings.pages.templates,
        )

    @provide
    def assets(self, options: PageOptions) -> Assets:
        return Assets(options.brand)

    @provide
    def app(
        self,
        container: AsyncContainer,
        guard: RouteGuard,
        origin_policy: OriginPolicy,
        fast_path: FastPath,
        observation: Observation,
        options: RouteOptions,
        logs: LogSettings,
    ) -> Litestar:
        app = create_app(container, guard, origin_policy, fast_path, options)
        for observer in request_observers(observation, origin_policy, AccessLog.of(logs)):
            app.asgi_handler = observed(app.asgi_handler, Routes.of(app), observer)
        app.asgi_handler = with_path_prefix(app.asgi_handler, options.path_prefix)
        return app


def origin_policy(settings: HttpSettings) -> OriginPolicy:
    """Return the origin policy as configured."""
    names = set()
    if settings.public_url is None:  # a browser on this machine may use either of its names
        names.add(f"http://127.0.0.1:{settings.port}")
    return OriginPolicy(
        settings.origin,
        client_origins=frozenset(settings.client_origins) | names,
        trusted_proxies=settings.trusted_proxies,
        hosts=settings.allowed_hosts,
        hsts_subdomains=settings.hsts_subdomains,
        other_names=frozenset(names),
    )


def request_observers(
    observation: Observation, origin_policy: OriginPolicy, access_log: AccessLog | None = None
) -> Iterator[RequestObserver]:
    """Return the observers of each request, the innermost first; none when all of it is off.

    Only a trusted proxy may name the trace of a request, by headers such as ``traceparent``.
    """
    metrics, tracing = observation.metrics, observation.tracing
    if metrics:
        observe = metrics.requests.observe

        def measure(scope: HTTPScope, route: str) -> Callable[[int], None]:
            method, began = scope["method"], perf_counter()
            return lambda status: observe(method, route, status, perf_counter() - began)

        yield measure
    if tracing:

        def trace(scope: HTTPScope, route: str) -> Callable[[int], None]:
            headers = scope["headers"] if is_from_proxy(scope, origin_policy) else ()
            return tracing.request(scope["method"], route, headers)

        yield trace
    if access_log:
        yield partial(_log_access, access_log)


def _log_access(access_log: AccessLog, scope: HTTPScope, route: str) -> Callable[[int], None]:
    began, path = perf_counter(), scope["path"] if route == UNKNOWN else route

    def end(status: int) -> None:
        refused = scope["state"].get(REFUSED_ORIGIN)
        access_log(scope["method"], path, status, perf_counter() - began, refused)

    return end
