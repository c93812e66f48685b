"""A queue that is fair to networks: hierarchical fair queueing, and the longest queue loses.

Each item has a path, from the widest class or network to the narrowest. Siblings in this tree get
equal shares: of the places, because an item that is too many is taken from the longest queue, and
of the time, because the sibling that has used the least of it is served next (start-time fair
queueing; Goyal, Vin and Cheng, 1996). Time is charged as it was measured, so an item that takes
long costs its sender as much as many that do not.

It is a data structure: it starts nothing, reads no clock and is not thread-safe.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

Path = tuple[str, ...]

EXPECTED = 0.05
"""Seconds that an item is charged when it is taken, until its real time is known."""

_MOST_IDLE = 256
"""Siblings without items whose used time is remembered."""


@dataclass(slots=True)
class _Share(Generic[T]):
    """A class or a network: its items, or the narrower networks in it.

    :ivar used: seconds charged to it, since virtual time began.
    :ivar virtual_time: ``used`` of the part that was served last. A part that comes late starts
        there: it can neither save time up nor be held behind.
    :ivar waiting: items in it and in its parts.
    """

    used: float = 0.0
    virtual_time: float = 0.0
    waiting: int = 0
    parts: "dict[str, _Share[T]]" = field(default_factory=dict)
    items: deque[T] = field(default_factory=deque)

    def part(self, name: str) -> "_Share[T]":
        """Return a part, which begins now if it has no items."""
        part = self.parts.get(name)
        if part is None:
            self._forget_idle_parts()
            part = self.parts[name] = _Share()
        if not part.waiting:
            part.used = max(part.used, self.virtual_time)
        return part

    def next(self) -> "_Share[T]":
        """Return the part to be served, and charge it with the expected time."""
        part = min((each for each in self.parts.values() if each.waiting), key=_used)
        self.virtual_time = part.used
        part.used += EXPECTED
        return part

    def longest(self, preferred: str | None) -> str:
        """Return the name of the part with the most items; of several, the preferred one."""
        return max(self.parts, key=lambda name: (self.parts[name].waiting, name == preferred))

    def _forget_idle_parts(self) -> None:
        if len(self.parts) >= _MOST_IDLE:
            self.parts = {name: each for name, each in self.parts.items() if each.waiting}


def _used(share: _Share[T]) -> float:
    return share.used


class FairQueue(Generic[T]):
    """
    :param capacity: items that may wait.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._root: _Share[T] = _Share()

    def __len__(self) -> int:
        return self._root.waiting

    def add(self, path: Path, item: T) -> None:
        """Let an item wait. :meth:`shed` keeps the queue within its capacity."""
        share = self._root
        share.waiting += 1
        for name in path:
            share = share.part(name)
            share.waiting += 1
        share.items.append(item)

    def shed(self, newcomer: Path) -> T | None:
        """Take back the newest item of the longest queue, if more wait than may.

        :param newcomer: the path of the item that came last, which gives way to equals.
        """
        if self._root.waiting <= self._capacity:
            return None
        share, own = self._root, list(reversed(newcomer))
        share.waiting -= 1
        while share.parts:
            mine = own.pop() if own else None
            name = share.longest(mine)
            own = own if name == mine else []
            share = share.parts[name]
            share.waiting -= 1
        return share.items.pop()

    def take(self) -> T | None:
        """Return the item to be served next, if there is one."""
        if not self._root.waiting:
            return None
        share = self._root
        share.waiting -= 1
        while share.parts:
            share = share.next()
            share.waiting -= 1
        return share.items.popleft()

    def charge(self, path: Path, seconds: float) -> None:
        """Charge what a taken item has really used."""
        share = self._root
        for name in path:
            share = share.parts.get(name) or share.part(name)
            share.used += seconds - EXPECTED

    def remove(self, path: Path, item: T) -> bool:
        """Remove an item, and return whether it was still waiting."""
        shares = [self._root]
        for name in path:
            part = shares[-1].parts.get(name)
            if part is None:
                return False
            shares.append(part)
        try:
            shares[-1].items.remove(item)
        except ValueError:
            return False
        for share in shares:
            share.waiting -= 1
        return True

    def reset(self) -> None:
        """Forget all used time. Call it when nothing waits and nothing is served."""
        self._root = _Share()
