"""What the operating system provides: the time and randomness."""

import secrets

from dishka import Provider, Scope, provide

from application.ports import Clock, RandomBytes, RandomId
from infrastructure.clock import system_clock


class SystemProvider(Provider):
    """Provides the clock and the source of random ids."""

    scope = Scope.APP

    @provide
    def clock(self) -> Clock:
        return system_clock

    @provide
    def random_id(self) -> RandomId:
        return lambda: secrets.token_hex(16)

    @provide
    def random_bytes(self) -> RandomBytes:
        return secrets.token_bytes
