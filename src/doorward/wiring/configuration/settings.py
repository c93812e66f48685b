"""The settings, part by part."""

from dishka import Provider, Scope, from_context, provide

from application.ports import ReportSettings
from application.rate_limiting import CurrentRateLimits
from application.second_factors.policy import SecondFactorPolicy
from doorward.wiring.configuration.settings_report import SettingsReport
from infrastructure.config.http import HttpSettings
from infrastructure.config.logging import LogSettings
from infrastructure.config.mail.settings import MailSettings
from infrastructure.config.passwords import PasswordSettings
from infrastructure.config.rate_limits import RateLimitSettings
from infrastructure.config.settings import Settings
from infrastructure.config.signing_keys import KeySettings
from infrastructure.config.storage import StorageSettings
from infrastructure.config.tokens import TokenSettings
from infrastructure.config.web_pages.settings import PageSettings


class SettingsProvider(Provider):
    """Provides each part of the settings: what needs one does not depend on the others."""

    scope = Scope.APP

    settings = from_context(Settings)

    @provide
    def report_settings(self, settings: Settings, limits: CurrentRateLimits) -> ReportSettings:
        return SettingsReport(settings, limits)

    @provide
    def http(self, settings: Settings) -> HttpSettings:
        return settings.http

    @provide
    def pages(self, settings: Settings) -> PageSettings:
        return settings.pages

    @provide
    def storage(self, settings: Settings) -> StorageSettings:
        return settings.storage

    @provide
    def keys(self, settings: Settings) -> KeySettings:
        return settings.keys

    @provide
    def tokens(self, settings: Settings) -> TokenSettings:
        return settings.tokens

    @provide
    def passwords(self, settings: Settings) -> PasswordSettings:
        return settings.passwords

    @provide
    def rate_limits(self, settings: Settings) -> RateLimitSettings:
        return settings.rate_limits

    @provide
    def mail(self, settings: Settings) -> MailSettings:
        return settings.mail

    @provide
    def second_factor_policy(self, settings: Settings) -> SecondFactorPolicy:
        return settings.second_factors.policy

    @provide
    def logs(self, settings: Settings) -> LogSettings:
        return settings.logs
