//! How events spread over time, in constant memory: counts by minute, by coarser slots once there are too many.

/// More slots than this are drawn together.
const MOST_SLOTS: usize = 4096;

/// Counts by slot of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// How many minutes a slot is wide.
    width: i64,
    /// Slots since 1970 with at least one event, in order.
    slots: Vec<(i64, u64)>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { width: 1, slots: Vec::new() }
    }
}

impl Pace {
    /// Takes in so many events in one minute since 1970.
    pub(crate) fn take(&mut self, minute: i64, count: u64) {
        self.add(minute.div_euclid(self.width), count);
        self.keep_few();
    }

    pub(crate) fn merge(&mut self, mut other: Self) {
        while self.width < other.width {
            self.coarsen();
        }
        while other.width < self.width {
            other.coarsen();
        }
        for (slot, count) in other.slots {
            self.add(slot, count);
        }
        self.keep_few();
    }

    fn keep_few(&mut self) {
        while self.slots.len() > MOST_SLOTS {
            self.coarsen();
        }
    }

    fn add(&mut self, slot: i64, count: u64) {
        // Events mostly come in the order of time.
        match self.slots.last_mut() {
            Some((last, present)) if *last == slot => *present += count,
            Some((last, _)) if *last > slot => match self.slots.binary_search_by_key(&slot, |(slot, _)| *slot) {
                Ok(at) => {
                    if let Some((_, present)) = self.slots.get_mut(at) {
                        *present += count;
                    }
                }
                Err(at) => self.slots.insert(at, (slot, count)),
            },
            _ => self.slots.push((slot, count)),
        }
    }

    fn coarsen(&mut self) {
        self.width *= 2;
        let slots = std::mem::take(&mut self.slots);
        for (slot, count) in slots {
            self.add(slot.div_euclid(2), count);
        }
    }

    /// First minutes of the slots, and how many events they hold.
    pub(crate) fn minutes(&self) -> impl Iterator<Item = (i64, u64)> {
        self.slots.iter().map(|(slot, count)| (slot * self.width, *count))
    }

    /// The most events in so many minutes in a row, and the first of these minutes.
    pub(crate) fn busiest(&self, minutes: i64) -> (u64, i64) {
        let mut best = (0, 0);
        let mut sum = 0;
        let mut oldest = self.minutes().peekable();
        for (minute, count) in self.minutes() {
            sum += count;
            while let Some((_, left)) = oldest.next_if(|(old, _)| *old <= minute - minutes) {
                sum -= left;
            }
            if sum > best.0 {
                best = (sum, oldest.peek().map_or(minute, |(old, _)| *old));
            }
        }
        best
    }

    /// How many events lie at or after a minute, as far as the slots tell.
    pub(crate) fn since(&self, minute: i64) -> u64 {
        self.minutes().filter(|(at, _)| at + self.width > minute).map(|(_, count)| count).sum()
    }

    /// Whether any event lies in these minutes, both included.
    pub(crate) fn any_within(&self, first: i64, last: i64) -> bool {
        self.minutes().any(|(at, _)| at + self.width > first && at <= last)
    }
}
