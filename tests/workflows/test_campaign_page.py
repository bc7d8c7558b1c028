"""A campaign's page in the Web UI: who may use how many of its slots."""

from datetime import UTC, datetime

from domain.leases import Lease, LeaseBook
from workflows import campaign_page

NOON = datetime(2030, 1, 31, 12, tzinfo=UTC)


def test_page_shows_the_limit_and_each_batch_those_that_hold_most_first() -> None:
    book = LeaseBook(
        limit=15,
        leases={
            "btc_a": Lease(serial=1, slots=5, holds=6, wants=10),
            "btc_b": Lease(serial=2, slots=8, holds=8, wants=8),
        },
    )

    page = campaign_page.details(book, NOON).replace("\N{NO-BREAK SPACE}", "")

    assert page == (
        "**14 of 15 slots are leased** at 2030-01-31 12:00:00 UTC\n\n"
        "| batch | could use | may use | may hold still |\n"
        "|---|---|---|---|\n"
        "| btc_b | 8 | 8 | 8 |\n"
        "| btc_a | 10 | 5 | 6 |"
    )


def test_page_of_many_batches_stays_short() -> None:
    leases = {f"btc_{number:03}": Lease(holds=1, slots=1, wants=1) for number in range(60)}

    page = campaign_page.details(LeaseBook(limit=100, leases=leases), NOON)

    assert page.count("btc_") == campaign_page.SHOWN
    assert "and 10 more" in page
