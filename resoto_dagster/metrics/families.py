"""Metrics with their values, as snapshots hold them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sample:
    """One value with its labels; a label of what a resource does not say is empty."""

    labels: dict[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Family:
    """One metric with all its samples.

    `error` says why it could not be measured; its samples are then those of the last time it could be.
    `dropped` counts those that are left out, since it has too many: the ones with the smallest values. The
    name of a counter ends in _total.
    """

    name: str
    help: str
    type: str
    samples: tuple[Sample, ...]
    error: str | None = None
    dropped: int = 0

    @property
    def total(self) -> float:
        """The sum of all samples."""
        return sum(sample.value for sample in self.samples)
