"""When a server is left in peace, for how long, and what ends it."""

import pytest

from service.hospital.breaker import Breaker, Paused

HOST = "fhir.hospital.example"


class Clock:
    """Seconds, moved by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Give a clock that stands still."""
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    """Give a breaker that pauses for 10 seconds after 2 failures."""
    return Breaker(failures=2, seconds=10, clock=clock)


def fail(breaker: Breaker, times: int) -> None:
    """Let requests go and fail."""
    for _ in range(times):
        breaker.enter(HOST)
        breaker.failed("HTTP 503")


def wait_of(breaker: Breaker) -> float | None:
    """Return for how long nothing may be sent, ``None`` where it may."""
    try:
        breaker.enter(HOST)
    except Paused as paused:
        return paused.retry_after
    return None


def test_it_opens_after_failures_in_a_row(breaker: Breaker, clock: Clock) -> None:
    """One failure less than permitted keeps it closed; the last one opens it for its time, not longer."""
    fail(breaker, 1)
    assert wait_of(breaker) is None
    breaker.failed("HTTP 503")

    clock.now += 4
    with pytest.raises(Paused, match=f"{HOST} is not asked for now: HTTP 503"):
        breaker.enter(HOST)
    assert wait_of(breaker) == 6
    clock.now += 6
    assert wait_of(breaker) is None


def test_a_success_begins_the_count_anew(breaker: Breaker) -> None:
    """Failures that are not in a row open nothing."""
    fail(breaker, 1)
    breaker.succeeded()
    fail(breaker, 1)

    assert wait_of(breaker) is None


def test_one_trial_at_a_time(breaker: Breaker, clock: Clock) -> None:
    """When the time is over one request goes, and the others wait for what becomes of it."""
    fail(breaker, 2)
    clock.now += 10

    assert wait_of(breaker) is None
    assert wait_of(breaker) == 1
    breaker.succeeded()
    assert [wait_of(breaker), wait_of(breaker)] == [None, None]


def test_a_failed_trial_opens_it_again(breaker: Breaker, clock: Clock) -> None:
    """One failure suffices where the server had failed before."""
    fail(breaker, 2)
    clock.now += 10
    fail(breaker, 1)

    assert wait_of(breaker) == 10


def test_a_cancelled_trial_lets_another_go(breaker: Breaker, clock: Clock) -> None:
    """A trial that nobody waited for decides nothing."""
    fail(breaker, 2)
    clock.now += 10
    trial = breaker.enter(HOST)
    breaker.left(trial=trial)

    assert wait_of(breaker) is None


def test_who_set_out_before_is_no_trial(breaker: Breaker, clock: Clock) -> None:
    """A request of before the pause that is cancelled during the trial lets no second one go."""
    before = breaker.enter(HOST)
    fail(breaker, 2)
    clock.now += 10
    trial = breaker.enter(HOST)
    breaker.left(trial=before)

    assert (before, trial) == (False, True)
    assert wait_of(breaker) == 1


def test_a_rest_that_is_asked_for_is_kept(breaker: Breaker, clock: Clock) -> None:
    """The server's own wish opens at once; a shorter one does not end it, and none lasts more than an hour."""
    breaker.rest(120, "HTTP 429")
    breaker.rest(5, "HTTP 429")
    assert wait_of(breaker) == 120

    breaker.rest(1e9, "HTTP 429")
    assert wait_of(breaker) == 3_600
    clock.now += 3_600
    assert wait_of(breaker) is None


def test_a_failed_trial_after_a_rest_opens_it_again(breaker: Breaker, clock: Clock) -> None:
    """A server that asked for a rest and then fails is left in peace at once, whatever the count."""
    breaker.rest(120, "HTTP 429")
    clock.now += 120
    fail(breaker, 1)

    assert wait_of(breaker) == 10


def test_a_success_of_before_ends_no_rest(breaker: Breaker, clock: Clock) -> None:
    """A request under way that is answered cancels nothing that the server asked for; after it the trial closes."""
    breaker.enter(HOST)
    breaker.rest(120, "HTTP 429")
    breaker.succeeded()
    assert wait_of(breaker) == 120

    clock.now += 120
    assert wait_of(breaker) is None
    breaker.succeeded()
    assert [wait_of(breaker), wait_of(breaker)] == [None, None]


def test_a_success_of_before_ends_a_pause_of_ours(breaker: Breaker) -> None:
    """Where we alone left the server in peace, an answer tells that it is up."""
    breaker.enter(HOST)
    fail(breaker, 2)
    breaker.succeeded()

    assert wait_of(breaker) is None
