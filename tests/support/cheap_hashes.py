"""Password hashes that cost less than any setting allows.

A test that asks for the lowest cost is not about hashes, and each takes 40 ms even then.
"""

from infrastructure.passwords.argon2_hasher import LOWEST_MEMORY_KIB, Cost

COST = Cost(memory_kib=64)


def cost(time_cost: int, memory_kib: int) -> Cost:
    """Return the configured cost, unless it is the lowest one."""
    return COST if memory_kib == LOWEST_MEMORY_KIB else Cost(time_cost, memory_kib)
