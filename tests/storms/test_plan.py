"""A storm can be repeated: its blows follow from its seed."""

import pytest

from tests.storms.plan import PARTS, Kind, draw_blows


def test_seed_has_the_same_blows_each_time() -> None:
    assert draw_blows(7, 50) == draw_blows(7, 50)


def test_another_seed_has_other_blows() -> None:
    assert draw_blows(7, 50) != draw_blows(8, 50)


def test_fewer_blows_are_the_first_of_more() -> None:
    assert draw_blows(7, 20) == draw_blows(7, 50)[:20]


def test_only_kinds_that_were_asked_for_are_drawn_whatever_their_order() -> None:
    blows = draw_blows(7, 50, [Kind.KILL, Kind.CUT])

    assert {each.kind for each in blows} == {Kind.KILL, Kind.CUT}
    assert blows == draw_blows(7, 50, [Kind.CUT, Kind.KILL])


def test_a_thousand_blows_are_of_every_kind_and_kill_every_part() -> None:
    blows = draw_blows(1, 1000)

    assert {each.kind for each in blows} == set(Kind)
    assert {each.target for each in blows if each.kind is Kind.KILL} == set(PARTS)


@pytest.mark.parametrize("kind", Kind)
def test_no_blow_lasts_longer_than_eight_seconds(kind: Kind) -> None:
    assert max(each.seconds for each in draw_blows(1, 100, [kind])) <= 8
