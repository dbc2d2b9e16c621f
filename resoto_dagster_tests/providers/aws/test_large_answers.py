"""Large answers are worked on a few at a time."""

import threading

from resoto_dagster.providers.aws.large_answers import LARGE, LargeAnswers


def in_threads(work: list[object]) -> None:
    threads = [threading.Thread(target=each) for each in work]  # type: ignore[arg-type]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)


class Worked:
    """Counts how many bytes are worked on at a time."""

    def __init__(self, large: LargeAnswers) -> None:
        self.large = large
        self.now = self.most = self.ended = 0
        self.lock = threading.Lock()

    def scope(self, *sizes: int) -> None:
        """Read answers of sizes one after the other, as one scope."""
        taken = 0
        with self.large.handled():
            for size in sizes:
                self.large.about_to_read(size)
                with self.lock:
                    self.now += size
                    self.most = max(self.most, self.now)
                taken += size
                threading.Event().wait(0.001)  # let the others go on
            with self.lock:
                self.now -= taken
                self.ended += 1


def test_no_more_is_worked_on_than_there_is_room_for() -> None:
    worked = Worked(LargeAnswers(room=5 * LARGE))
    in_threads([lambda: worked.scope(LARGE, LARGE)] * 20)
    assert worked.ended == 20
    assert worked.most <= 2 * 5 * LARGE, "only the first answer of a scope waits"


def test_one_that_is_larger_than_the_room_is_worked_on_alone() -> None:
    worked = Worked(LargeAnswers(room=LARGE))
    in_threads([lambda: worked.scope(3 * LARGE)] * 5)
    assert worked.ended == 5
    assert worked.most == 3 * LARGE


def test_small_answers_wait_for_nobody() -> None:
    large = LargeAnswers(room=LARGE)
    worked = Worked(large)
    with large.handled():
        large.about_to_read(LARGE)
        in_threads([lambda: worked.scope(LARGE - 1, LARGE - 1)] * 5)
    assert worked.ended == 5


def test_outside_of_a_scope_nobody_waits() -> None:
    large = LargeAnswers(room=LARGE)
    with large.handled():
        large.about_to_read(LARGE)
        in_threads([lambda: large.about_to_read(LARGE)] * 3)


def test_room_is_given_back_when_a_scope_fails() -> None:
    large = LargeAnswers(room=LARGE)

    def fail() -> None:
        try:
            with large.handled():
                large.about_to_read(LARGE)
                raise ValueError
        except ValueError:
            pass

    in_threads([fail] * 5)
    worked = Worked(large)
    in_threads([lambda: worked.scope(LARGE)])
    assert worked.ended == 1
