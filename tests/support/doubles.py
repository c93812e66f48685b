"""Adapters that only tests need. They keep every promise of their ports; some break on request."""

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self, TypeVar
from urllib.parse import urlsplit

from application.ports import (
    HashClient,
    Letter,
    MailNotSent,
    MailSender,
    PasswordHasher,
    SessionStore,
    UnusableHash,
)
from application.ports.effects import NO_EFFECTS, Effects, Stored
from domain.audit.event import Event
from domain.passwords.password import Password
from domain.rate_limit import Usage
from domain.session import Session, SessionId
from domain.session_activity import SessionActivity
from domain.user import UserId
from infrastructure.storage.memory.rate_limiter import MemoryRateLimiter
from infrastructure.storage.near_cache.invalidation_feed import InvalidationFeed, Subscriber

_T = TypeVar("_T")


@dataclass
class SettableClock:
    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def advance(self, time: timedelta) -> None:
        self.now += time


@dataclass
class Recorder:
    """Keeps the observed events, in order."""

    events: list[Event] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        self.events.append(event)


class Mailbox(MailSender):
    """Receives letters, or fails as it is told.

    :ivar letters: in the order of their arrival.
    :ivar failures: by address, what :meth:`send` raises instead.
    :ivar released: by address, what :meth:`send` waits for.
    :ivar is_waiting: whether it waits.
    """

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.failures: dict[str, MailNotSent] = {}
        self.released: dict[str, asyncio.Event] = {}
        self.is_waiting = False

    async def send(self, letter: Letter) -> None:
        if event := self.released.get(letter.to):
            self.is_waiting = True
            await event.wait()
        if failure := self.failures.get(letter.to):
            raise failure
        self.letters.append(letter)


class QuickHasher(PasswordHasher):
    """A salted, correct hasher that is far too quick for production.

    :ivar computed: the stored hash of each verification, in order; ``None`` for the decoy.
    :ivar made: how many passwords were hashed to be stored.
    :ivar clients: for whom, in order.
    """

    def __init__(self, cost: int = 1) -> None:
        self._cost = cost
        self._decoy = self._make(secrets.token_hex(), secrets.token_hex(8), cost)
        self.computed: list[str | None] = []
        self.made = 0
        self.clients: list[HashClient] = []

    async def hash(self, password: Password, client: HashClient) -> str:
        self.clients.append(client)
        self.made += 1
        return self._make(password.text, secrets.token_hex(8), self._cost)

    async def verify(self, password: Password, stored: str | None, client: HashClient) -> bool:
        self.clients.append(client)
        parts = (stored or "").split("$")
        is_usable = len(parts) == 4 and parts[0] == "quick" and parts[1] in {"1", "2", "3"}
        self.computed.append(stored if is_usable else None)
        hashed = stored if stored is not None and is_usable else self._decoy
        _, cost, salt, _ = hashed.split("$")
        return self._make(password.text, salt, int(cost)) == hashed and is_usable

    def adopt(self, given: str) -> str:
        if not given.startswith("quick$"):
            raise UnusableHash("is of no form that is known")
        return given

    def is_outdated(self, stored: str) -> bool:
        return int(stored.split("$")[1]) < self._cost

    @staticmethod
    def _make(text: str, salt: str, cost: int) -> str:
        ended = f"{text}$".encode()  # HMAC takes a key and the key with NUL behind for the same
        digest = hashlib.pbkdf2_hmac("sha256", ended, salt.encode(), cost).hex()
        return f"quick${cost}${salt}${digest}"


class YieldingHasher(QuickHasher):
    """Yields to other tasks first, as a real hasher does."""

    async def hash(self, password: Password, client: HashClient) -> str:
        await asyncio.sleep(0)
        return await super().hash(password, client)

    async def verify(self, password: Password, stored: str | None, client: HashClient) -> bool:
        await asyncio.sleep(0)
        return await super().verify(password, stored, client)


class RecordingRateLimiter(MemoryRateLimiter):
    """
    :ivar keys: under which attempts were counted, in order.
    :ivar asked: keys of which it was asked whether they have a window.
    """

    def __init__(self) -> None:
        super().__init__()
        self.keys: list[str] = []
        self.asked: list[str] = []

    async def count(self, key: str, window: timedelta, now: datetime) -> Usage:
        self.keys.append(key)
        return await super().count(key, window, now)

    async def has_window(self, key: str, now: datetime) -> bool:
        self.asked.append(key)
        return await super().has_window(key, now)


@dataclass
class PausingSessions(SessionStore):
    """A store with a pause before and after each step, as over a network."""

    store: SessionStore
    pause: Callable[[], Awaitable[None]]

    async def _step(self, step: Callable[[], Awaitable[_T]]) -> _T:
        await self.pause()
        result = await step()
        await self.pause()
        return result

    async def add(
        self,
        session: Session,
        activity: SessionActivity | None = None,
        effects: Effects = NO_EFFECTS,
    ) -> Stored[bool]:
        return await self._step(lambda: self.store.add(session, activity, effects))

    async def get(self, user_id: UserId, session_id: SessionId) -> Session | None:
        return await self._step(lambda: self.store.get(user_id, session_id))

    async def replace(
        self, old: Session, new: Session, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        return await self._step(lambda: self.store.replace(old, new, effects))

    async def delete(
        self, user_id: UserId, session_id: SessionId, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        return await self._step(lambda: self.store.delete(user_id, session_id, effects))

    async def of_user(self, user_id: UserId) -> Sequence[Session]:
        return await self._step(lambda: self.store.of_user(user_id))

    async def record_activity(
        self, user_id: UserId, session_id: SessionId, activity: SessionActivity
    ) -> None:
        await self._step(lambda: self.store.record_activity(user_id, session_id, activity))

    async def activity_of(self, user_id: UserId) -> Mapping[SessionId, SessionActivity]:
        return await self._step(lambda: self.store.activity_of(user_id))


@dataclass
class ManualFeed(InvalidationFeed):
    """A feed on which the test publishes."""

    live: bool = True
    subscribers: list[Subscriber] = field(default_factory=list)

    def subscribe(self, subscriber: Subscriber) -> None:
        self.subscribers.append(subscriber)

    def is_live(self) -> bool:
        return self.live

    def publish(self, user_id: UserId | None) -> None:
        for subscriber in self.subscribers:
            subscriber(user_id)


@dataclass
class TcpProxy:
    """A TCP proxy of a server that can disconnect, stall and accept again.

    :ivar url: the server's, by way of this proxy.
    :ivar lag: the delay in seconds.
    """

    server_url: str
    url: str = ""
    lag: float = 0.0
    _passes: asyncio.Event = field(default_factory=asyncio.Event)
    _port: int = 0
    _listener: asyncio.Server | None = None
    _ends: set[asyncio.StreamWriter] = field(default_factory=set)
    _calls: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        await self.accept()
        server = urlsplit(self.server_url)
        before, at, _ = server.netloc.rpartition("@")
        self.url = server._replace(netloc=f"{before}{at}127.0.0.1:{self._port}").geturl()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.disconnect()

    @property
    def is_in_use(self) -> bool:
        return bool(self._calls)

    async def accept(self) -> None:
        self._passes.set()
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._listener.sockets[0].getsockname()[1]

    async def disconnect(self) -> None:
        """Break all connections and refuse new ones."""
        if self._listener is None:
            return
        self._listener.close()
        for end in self._ends:
            end.transport.abort()
        self._passes.set()
        await asyncio.gather(*self._calls)
        self._listener = None

    def stall(self) -> None:
        """Stop delivering, on open and on new connections."""
        self._passes.clear()

    def resume(self) -> None:
        """Deliver again, first all data sent in the meantime."""
        self._passes.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        call = asyncio.current_task()
        assert call is not None
        self._calls.add(call)
        self._ends.add(writer)
        try:
            place = urlsplit(self.server_url)
            far_reader, far_writer = await asyncio.open_connection(place.hostname, place.port)
            self._ends.add(far_writer)
            await asyncio.gather(
                self._pass_on(reader, far_writer), self._pass_on(far_reader, writer)
            )
        except OSError:
            pass
        finally:
            self._calls.discard(call)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while octets := await reader.read(65536):
                await self._passes.wait()
                await asyncio.sleep(self.lag)
                writer.write(octets)
        except OSError:
            pass
        finally:
            writer.close()
