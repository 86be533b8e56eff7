#!/usr/bin/env python3
"""Who is on call, worked out by other means than the server's: Python's zoneinfo and dateutil.

Written from the definition in docs/configuration.md, slowly and plainly. Reads one JSON document from stdin, a list of cases, and answers
with a list of lists: for each probe of each case the name of who is on call, or null.

A case has `layers` (the later wins), `overrides` (the one with the highest id wins, before all layers) and `probes`, in milliseconds.
"""

import json
import sys
from bisect import bisect_left, bisect_right
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MILLISECOND = timedelta(milliseconds=1)
DAY = timedelta(days=1)
HORIZON = datetime(2043, 1, 1)


class Clock:
    """The clock on the wall of a zone."""

    def __init__(self, name):
        self.zone = ZoneInfo(name)
        self.known = {}

    def shows(self, ms):
        """What it shows at an instant."""
        return (EPOCH + ms * MILLISECOND).astimezone(self.zone).replace(tzinfo=None)

    def instant(self, local):
        """The first instant at which it shows `local`, or, if it never does, the first at which it shows more."""
        found = self.known.get(local)
        if found is None:
            found = self.known[local] = self._search(local)
        return found

    def _search(self, local):
        # PEP 495: with fold=0 the offset before a change, with fold=1 the one after it.
        first, last = (self._read(local, fold) for fold in (0, 1))
        if self.shows(first) == local:
            return first
        # It is skipped. Read with the offset after the change it lies before it; so the change is between the two readings.
        low, high = last, first
        while low < high:
            middle = (low + high) // 2
            if self.shows(middle) >= local:
                high = middle
            else:
                low = middle + 1
        return low

    def _read(self, local, fold):
        offset = local.replace(tzinfo=self.zone, fold=fold).utcoffset()
        return (local.replace(tzinfo=timezone.utc) - offset - EPOCH) // MILLISECOND


class Layer:
    def __init__(self, text):
        self.members = text["members"]
        self.clock = Clock(text["zone"])
        self.starts = datetime.fromisoformat(text["starts"])
        self.offset = text.get("offset", 0)
        self.days = text.get("turn_days")
        rule = text.get("rule")
        self.turns = occurrences(rule, self.starts) if rule else None
        self.weekly = [(day, time.fromisoformat(at), timedelta(minutes=m)) for day, at, m in text.get("weekly", [])]
        self.recurring = [
            (occurrences(rule, datetime.fromisoformat(starts)), timedelta(minutes=m)) for rule, starts, m in text.get("recurring", [])
        ]
        self.days_off = {date.fromisoformat(day) for day in text.get("days_off", [])}
        self.begins = self.clock.instant(datetime.fromisoformat(text["from"])) if text.get("from") else None
        self.ends = self.clock.instant(datetime.fromisoformat(text["until"])) if text.get("until") else None

    def holder(self, ms):
        """Whose turn it is, if the layer is on."""
        if not self.members or not self.is_on(ms):
            return None
        return self.members[(self.turn(ms) + self.offset) % len(self.members)]

    def turn(self, ms):
        """The number of the last turn that has begun."""
        instant = self.clock.instant
        if self.turns is not None:
            return bisect_right(self.turns, ms, key=instant) - 1
        # Turn k begins k times so many days after the start, on the wall clock. Instants of later times are never earlier: bisect.
        near = (self.clock.shows(ms) - self.starts).days // self.days
        numbers = range(near - 30, near + 30)
        place = bisect_right(numbers, ms, key=lambda k: instant(self.starts + timedelta(days=k * self.days)))
        assert 0 < place < len(numbers)
        return numbers[place - 1]

    def is_on(self, ms):
        if self.begins is not None and ms < self.begins:
            return False
        if self.ends is not None and ms >= self.ends:
            return False
        today = self.clock.shows(ms).date()
        for day in (today + timedelta(days=d) for d in (-2, -1, 0, 1, 2)):
            if day in self.days_off and self.covers(datetime.combine(day, time()), DAY, ms):
                return False
        if not self.weekly and not self.recurring:
            return True
        for weekday, at, length in self.weekly:
            for day in (today + timedelta(days=d) for d in range(-9, 3)):
                if day.weekday() == weekday and self.covers(datetime.combine(day, at), length, ms):
                    return True
        for times, length in self.recurring:
            shown = self.clock.shows(ms)
            near = times[bisect_left(times, shown - length - 2 * DAY) : bisect_right(times, shown + 2 * DAY)]
            if any(self.covers(t, length, ms) for t in near):
                return True
        return False

    def covers(self, begin, length, ms):
        """Whether an instant is in a stretch of wall-clock time."""
        return self.clock.instant(begin) <= ms < self.clock.instant(begin + length)


def occurrences(rule, starts):
    found = []
    for occurrence in rrulestr(rule, dtstart=starts):
        if occurrence >= HORIZON:
            break
        found.append(occurrence)
    return found


def on_call(layers, overrides, ms):
    held = [entry for entry in overrides if entry["from"] <= ms < entry["until"]]
    if held:
        return max(held, key=lambda entry: entry["id"])["user"]
    for layer in reversed(layers):
        holder = layer.holder(ms)
        if holder is not None:
            return holder
    return None


def main():
    answers = []
    for case in json.load(sys.stdin):
        layers = [Layer(text) for text in case["layers"]]
        overrides = case.get("overrides", [])
        answers.append([on_call(layers, overrides, ms) for ms in case["probes"]])
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
