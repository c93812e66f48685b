"""Networks share the places of a queue and the time of computing."""

from collections import Counter
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from infrastructure.passwords.fair_queue import EXPECTED, FairQueue, Path

ATTACKER: Path = ("new", "203.0.113.0/24", "203.0.113.9")
NEIGHBOUR: Path = ("new", "203.0.113.0/24", "203.0.113.10")
STRANGER: Path = ("new", "198.51.100.0/24", "198.51.100.7")
OWNER: Path = ("known", "192.0.2.0/24", "192.0.2.1")

Item = tuple[Path, int]


def put(queue: FairQueue[Item], path: Path, items: int = 1) -> list[Item]:
    """
    :returns: those that were taken back.
    """
    taken_back = []
    for number in range(items):
        queue.add(path, (path, number))
        excess = queue.shed(path)
        if excess is not None:
            taken_back.append(excess)
    return taken_back


def served(queue: FairQueue[Item], seconds: float = EXPECTED) -> list[Path]:
    """Take everything, as one thread would that needs this time for each item."""
    order = []
    while (item := queue.take()) is not None:
        order.append(item[0])
        queue.charge(item[0], seconds)
    return order


def test_items_of_one_network_are_served_in_order_of_arrival() -> None:
    queue: FairQueue[Item] = FairQueue(10)
    put(queue, ATTACKER, 5)

    assert [queue.take() for _ in range(6)] == [*((ATTACKER, each) for each in range(5)), None]


def test_a_network_that_comes_late_is_served_in_turn() -> None:
    queue: FairQueue[Item] = FairQueue(100)
    put(queue, ATTACKER, 50)
    put(queue, STRANGER, 3)

    assert served(queue)[:6].count(STRANGER) == 3


def test_a_known_client_is_second_at_the_latest_however_many_networks_wait() -> None:
    queue: FairQueue[Item] = FairQueue(100)
    for number in range(90):
        put(queue, ("new", f"10.0.{number}.0/24", f"10.0.{number}.1"))
    queue.take()
    put(queue, OWNER)

    assert OWNER in served(queue)[:2]


def test_the_subnets_of_a_network_share_its_turns() -> None:
    queue: FairQueue[Item] = FairQueue(100)
    for number in range(60):
        put(queue, ("new", "2001:db8::/48", "2001:db8::/56", f"2001:db8:0:{number:x}::/64"))
    put(queue, STRANGER, 5)

    assert served(queue)[:10].count(STRANGER) == 5


def test_the_subnets_of_a_network_are_served_in_turn() -> None:
    queue: FairQueue[Item] = FairQueue(100)
    put(queue, ATTACKER, 50)
    put(queue, NEIGHBOUR, 3)

    assert served(queue)[:6].count(NEIGHBOUR) == 3


def test_a_network_that_takes_longer_is_served_less_often() -> None:
    queue: FairQueue[Item] = FairQueue(100)
    put(queue, ATTACKER, 10)
    put(queue, STRANGER, 50)

    order = []
    for _ in range(44):
        item = queue.take()
        assert item is not None
        queue.charge(item[0], 1.0 if item[0] == ATTACKER else 0.1)
        order.append(item[0])

    assert Counter(order) == {ATTACKER: 4, STRANGER: 40}


def test_time_that_a_network_did_not_use_is_not_saved_up() -> None:
    queue: FairQueue[Item] = FairQueue(100)
    put(queue, ATTACKER, 50)
    put(queue, STRANGER)
    for _ in range(20):
        item = queue.take()
        assert item is not None
        queue.charge(item[0], 1.0)
    put(queue, STRANGER, 20)

    assert served(queue, 1.0)[:10].count(STRANGER) in {5, 6}


def test_several_threads_serve_networks_in_turn_before_any_time_is_known() -> None:
    queue: FairQueue[Item] = FairQueue(100)
    put(queue, ATTACKER, 8)
    put(queue, STRANGER, 8)

    taken = [item[0] for _ in range(8) if (item := queue.take())]

    assert Counter(taken) == {ATTACKER: 4, STRANGER: 4}


def test_the_newest_item_of_the_longest_queue_gives_way() -> None:
    queue: FairQueue[Item] = FairQueue(4)
    put(queue, ATTACKER, 4)

    assert put(queue, STRANGER) == [(ATTACKER, 3)]
    assert put(queue, STRANGER) == [(ATTACKER, 2)]
    assert put(queue, STRANGER) == [(STRANGER, 0)]
    assert len(queue) == 4


def test_a_network_with_as_many_items_as_others_takes_no_place_from_them() -> None:
    queue: FairQueue[Item] = FairQueue(4)
    for number in range(4):
        put(queue, ("new", f"10.0.{number}.0/24", f"10.0.{number}.1"))

    assert put(queue, STRANGER) == [(STRANGER, 0)]


def test_known_clients_find_a_place_in_a_queue_that_others_have_filled() -> None:
    queue: FairQueue[Item] = FairQueue(64)
    for number in range(64):
        put(queue, ("new", f"10.0.{number}.0/24", f"10.0.{number}.1"))

    for number in range(32):
        [taken_back] = put(queue, ("known", f"10.1.{number}.0/24", f"10.1.{number}.1"))
        assert taken_back[0][0] == "new"


def test_known_clients_leave_half_of_the_places_to_others() -> None:
    queue: FairQueue[Item] = FairQueue(64)
    for number in range(64):
        put(queue, ("known", f"10.1.{number}.0/24", f"10.1.{number}.1"))

    [taken_back] = put(queue, STRANGER)
    assert taken_back[0][0] == "known"


def test_a_queue_without_places_takes_the_newcomer_back() -> None:
    assert put(FairQueue(0), OWNER) == [(OWNER, 0)]


def test_a_removed_item_is_not_served_and_frees_its_place() -> None:
    queue: FairQueue[Item] = FairQueue(2)
    put(queue, ATTACKER, 2)

    assert queue.remove(ATTACKER, (ATTACKER, 0))
    assert not queue.remove(ATTACKER, (ATTACKER, 0))
    assert not queue.remove(STRANGER, (STRANGER, 0))
    assert put(queue, STRANGER) == []
    assert sorted(served(queue)) == [STRANGER, ATTACKER]


def test_networks_that_have_gone_take_no_memory() -> None:
    queue: FairQueue[Item] = FairQueue(10)
    for number in range(10_000):
        put(queue, ("new", f"2001:db8:{number:x}::/48", f"2001:db8:{number:x}::/64"))
        served(queue)

    assert len(queue._root.parts["new"].parts) <= 256


PATHS = [ATTACKER, NEIGHBOUR, STRANGER, OWNER, ("new", "unknown")]


@given(st.lists(st.sampled_from([*PATHS, None]), max_size=60), st.integers(0, 12))
def test_every_item_is_served_or_taken_back_once(steps: Iterable[Path | None], most: int) -> None:
    queue: FairQueue[int] = FairQueue(most)
    ended: list[int] = []
    added = 0
    for path in steps:
        if path is None:
            gone = queue.take()
        else:
            queue.add(path, added)
            added += 1
            gone = queue.shed(path)
        ended += [] if gone is None else [gone]
        assert len(queue) == added - len(ended) <= most
    while (item := queue.take()) is not None:
        ended.append(item)

    assert sorted(ended) == list(range(added))
