"""Sample key pairs of public RS256 tutorials, by JWK thumbprint (RFC 7638).

A service that was started from such a tutorial may still use them, and then any reader can sign
its tokens. Samples below 2048 bits are not listed: their size is rejected anyway.
"""

SAMPLE_KEYS = frozenset(
    {
        # wpcodevo/rust-axum-jwt-rs256
        "TR4WeywtWziuDVSg0ny8tLyoSA6re6V_wsir1YZjPoY",
        "2o7YTmkZaUYnr0d6A1KyvnDt5JTH9B_eBisnll8sr8Q",
        # wpcodevo/hs256-rs256-jwt-nodejs
        "yl1zBgO7qnJoCO_BCIQadXDL7iTL07-zCNuaQYEY9wA",
        "ve2USi_a59kBu7vsX6sd2TTmQE65qBj_erRKQdLftSk",
        # wpcodevo/deno-rs256-jwt
        "OhpPyB1WhAckbYb27BysTcfQEI80u00IKTtG4qYjUfI",
        "erlZ77qk3p_BajHU1DBO7ixUShCHf8t3NMi1DFO72aE",
        # wpcodevo/jwt_authentication_authorization_node
        "DnGNhIvYG0P95KKmMIxqoRjzmfjj4dMDk6MY-v-0vPE",
    }
)
