"""Variants take turns in random order, so that other load of the machine meets all alike."""

import secrets
from collections.abc import Callable, Mapping
from typing import TypeVar

_Variant = TypeVar("_Variant")
_Result = TypeVar("_Result")


def in_turns(
    rounds: int, variants: Mapping[_Variant, Callable[[], _Result]]
) -> dict[_Variant, list[_Result]]:
    """
    :returns: the results of each variant, round after round.
    """
    results: dict[_Variant, list[_Result]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name in secrets.SystemRandom().sample(list(variants), len(variants)):
            results[name].append(variants[name]())
    return results
