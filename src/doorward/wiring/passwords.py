"""Password hashing, the rule for new passwords, and registration."""

from collections.abc import Iterator

from dishka import Provider, Scope, provide

from application.ports import PasswordHasher
from application.registration_policy import RegistrationPolicy
from domain.passwords.password import PasswordRule
from infrastructure.config.http import HttpSettings
from infrastructure.config.passwords import PasswordSettings
from infrastructure.config.settings import Settings
from infrastructure.passwords.argon2_hasher import Argon2Hasher, Cost
from infrastructure.passwords.common_passwords import COMMON_PASSWORDS, predictable_words
from infrastructure.passwords.hashing_pool import HashingPool
from infrastructure.telemetry.telemetry import Observation


class PasswordProvider(Provider):
    """Provides the hasher, on threads of its own, and the rule for new passwords."""

    scope = Scope.APP

    @provide
    def rule(self, settings: PasswordSettings, http: HttpSettings) -> PasswordRule:
        if not settings.blocklist:
            return PasswordRule(settings.min_length, refuses_guessable=False)
        predictable = predictable_words(settings.words, http.public_url)
        return PasswordRule(settings.min_length, COMMON_PASSWORDS, predictable)

    @provide
    def registration(self, settings: Settings) -> RegistrationPolicy:
        return RegistrationPolicy(
            is_open=settings.http.is_registration_open,
            discloses=settings.registration.discloses,
            email_verification=settings.email_verification,
            unverified_lifetime=settings.registration.unverified_lifetime,
        )

    @provide
    def pool(self, settings: PasswordSettings, observation: Observation) -> Iterator[HashingPool]:
        observer = observation.metrics.hashes if observation.metrics else None
        pool = HashingPool(settings.hash_threads, settings.hash_queue, observer)
        yield pool
        pool.close()

    @provide
    def hasher(self, settings: PasswordSettings, pool: HashingPool) -> PasswordHasher:
        return Argon2Hasher(Cost(settings.argon2_passes, settings.argon2_memory), pool)
