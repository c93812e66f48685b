"""What the stores in this process's memory share."""

from dataclasses import dataclass, field

from infrastructure.storage.memory.challenges import MemoryChallenges
from infrastructure.storage.memory.invalidation_feed import MemoryFeed
from infrastructure.storage.memory.one_time_tokens import MemoryOneTimeTokens
from infrastructure.storage.memory.passkeys import MemoryPasskeys
from infrastructure.storage.memory.second_factors import MemorySecondFactors
from infrastructure.storage.memory.social_login.flows import MemoryFlows
from infrastructure.storage.memory.social_login.identities import MemoryIdentities


@dataclass(frozen=True, slots=True)
class MemoryConnection:
    """Stands in for the connection to a database."""

    feed: MemoryFeed = field(default_factory=MemoryFeed)
    tokens: MemoryOneTimeTokens = field(default_factory=MemoryOneTimeTokens)
    second_factors: MemorySecondFactors = field(default_factory=MemorySecondFactors)
    challenges: MemoryChallenges = field(default_factory=MemoryChallenges)
    passkeys: MemoryPasskeys = field(default_factory=MemoryPasskeys)
    identities: MemoryIdentities = field(default_factory=MemoryIdentities)
    flows: MemoryFlows = field(default_factory=MemoryFlows)
