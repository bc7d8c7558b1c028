"""Which addresses may be posted to."""

from ipaddress import ip_address, ip_network

import pytest

from receivers.addresses import is_allowed

NAME = "hooks.example.com"


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("8.8.8.8", id="public"),
        pytest.param("2001:4860:4860::8888", id="public of IPv6"),
        pytest.param("::ffff:8.8.8.8", id="public, mapped into IPv6"),
        pytest.param("64:ff9b::808:808", id="public, through NAT64"),
    ],
)
def test_public_address_is_posted_to(address: str) -> None:
    assert is_allowed(ip_address(address), NAME, ())


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("10.0.0.8", id="private"),
        pytest.param("172.16.4.1", id="private, the second block"),
        pytest.param("192.168.1.1", id="private, the third block"),
        pytest.param("100.64.0.1", id="shared"),
        pytest.param("127.0.0.1", id="loopback"),
        pytest.param("127.8.8.8", id="all of loopback"),
        pytest.param("169.254.169.254", id="link-local, where clouds keep credentials"),
        pytest.param("0.0.0.1", id="this network"),
        pytest.param("224.0.0.1", id="multicast"),
        pytest.param("255.255.255.255", id="broadcast"),
        pytest.param("192.0.2.1", id="documentation"),
        pytest.param("::1", id="loopback of IPv6"),
        pytest.param("::", id="unspecified of IPv6"),
        pytest.param("fe80::1", id="link-local of IPv6"),
        pytest.param("fd00::1", id="private of IPv6"),
        pytest.param("ff02::1", id="multicast of IPv6"),
        pytest.param("::ffff:10.0.0.8", id="private, mapped into IPv6"),
        pytest.param("::ffff:127.0.0.1", id="loopback, mapped into IPv6"),
        pytest.param("64:ff9b::a00:8", id="private, through NAT64"),
        pytest.param("64:ff9b::7f00:1", id="loopback, through NAT64"),
        pytest.param("2002:a00:8::1", id="private, through 6to4"),
        pytest.param("2001:0:4136:e378:8000:63bf:f5ff:fff7", id="private, through Teredo"),
    ],
)
def test_address_that_is_not_public_is_refused(address: str) -> None:
    assert not is_allowed(ip_address(address), NAME, ())


@pytest.mark.parametrize(
    ("address", "host", "allowed"),
    [
        pytest.param("127.0.0.1", "localhost", True, id="localhost is this machine"),
        pytest.param("::1", "LOCALHOST", True, id="in capitals"),
        pytest.param("127.0.0.1", "127.0.0.1", True, id="loopback by its address"),
        pytest.param("10.0.0.8", "localhost", False, id="localhost that is elsewhere"),
        pytest.param("127.0.0.1", "localhost.example.com", False, id="a name like localhost"),
    ],
)
def test_loopback_is_posted_to_where_the_host_says_so(address: str, host: str, allowed: bool) -> None:
    assert is_allowed(ip_address(address), host, ()) is allowed


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        pytest.param("10.20.0.8", True, id="within"),
        pytest.param("10.21.0.8", False, id="outside"),
        pytest.param("fd00:1::8", True, id="within of IPv6"),
    ],
)
def test_named_network_is_posted_to(address: str, allowed: bool) -> None:
    networks = [ip_network("10.20.0.0/16"), ip_network("fd00:1::/64")]

    assert is_allowed(ip_address(address), NAME, networks) is allowed
