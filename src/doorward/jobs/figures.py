"""Count events and measure quantities, for the figures that administrators see."""

from datetime import timedelta

from application.figures.counting import CountEvents, StoreUnrecordedCounts
from application.figures.measuring import MeasureFigures
from doorward.jobs.scheduler import Job

COUNTING = timedelta(seconds=15)
MEASURING = timedelta(minutes=1)


def count_events(count: CountEvents) -> Job:
    """Count every fifteen seconds at the latest. Of processes that find the same events, one
    counts them. Many events, as after an upgrade, do not delay the end of a process.
    """
    return Job("event_counting", count, COUNTING, jitter=0.5, is_cancelled_at_shutdown=True)


def store_unrecorded_counts(store: StoreUnrecordedCounts) -> Job:
    """Store what this process has counted, every fifteen seconds and at shutdown."""
    return Job("unrecorded_counts_flush", store, COUNTING, jitter=0.5, runs_at_shutdown=True)


def measure_figures(measure: MeasureFigures) -> Job:
    """Look each minute whether it is time to measure. Of all processes, one does."""
    return Job("figure_measurement", measure, MEASURING, jitter=0.5)
