"""Sets of lines."""

from hypothesis import given
from hypothesis import strategies as st

from service.domain.places import Places

spans = st.tuples(st.integers(0, 40), st.integers(1, 9)).map(lambda drawn: (drawn[0], drawn[0] + drawn[1]))
lines = st.sets(st.integers(0, 50))


def _places(numbers: set[int]) -> Places:
    return Places((number, number + 1) for number in numbers)


def _numbers(found: list[tuple[int, int]]) -> set[int]:
    return {number for lo, hi in found for number in range(lo, hi)}


@given(lines, spans)
def test_places_are_a_set_of_lines(numbers: set[int], span: tuple[int, int]) -> None:
    window = set(range(*span))
    more, fewer = _places(numbers), _places(numbers)
    more.add(*span)
    fewer.remove(*span)

    assert more == _places(numbers | window)
    assert fewer == _places(numbers - window)
    assert _numbers(_places(numbers).within(*span)) == numbers & window
    assert _numbers(_places(numbers).outside(*span)) == window - numbers
    assert _places(numbers).kg == len(numbers)


@given(lines)
def test_spans_are_in_order_and_never_touch(numbers: set[int]) -> None:
    edges = [edge for span in _places(numbers) for edge in span]

    assert edges == sorted(set(edges))
