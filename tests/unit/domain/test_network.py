"""The networks of an address."""

import pytest

from domain.client.network import network_of, networks_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::FFFF:C000:201", "192.0.2.1"),
        ("2001:db8:0:1::", "2001:db8:0:1::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("2001:DB8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:1::/64"),
        ("2001:db8:0:2::1", "2001:db8:0:2::/64"),
        ("::1", "::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
        ("garbage", "unknown"),
        ("192.0.2.1:80", "unknown"),
        ("192.0.2.01", "unknown"),
    ],
)
def test_a_client_controls_an_ipv4_address_or_an_ipv6_network_of_64_bits(
    address: str, network: str
) -> None:
    assert network_of(address) == network


def test_an_ipv6_address_is_in_networks_of_64_56_and_48_bits() -> None:
    assert networks_of("2001:db8:1:2ff::3") == (
        "2001:db8:1:2ff::/64",
        "2001:db8:1:200::/56",
        "2001:db8:1::/48",
    )


def test_an_ipv4_address_is_in_the_networks_that_are_asked_for() -> None:
    assert networks_of("192.0.2.1") == ("192.0.2.1",)
    assert networks_of("::ffff:192.0.2.1", ipv4=(32, 24)) == ("192.0.2.1", "192.0.2.0/24")
