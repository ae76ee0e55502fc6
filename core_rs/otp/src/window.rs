// SPDX-License-Identifier: Apache-2.0
//! Which steps a code may belong to, and in which order they are tried.

use core::fmt;

/// The most steps that a window may hold: the HSM's work per guess is bounded.
pub const MAX_STEPS: u64 = 1024;

/// A bounded range of steps around the one an honest token would be at.
///
/// ```
/// use kagimori_otp::Window;
///
/// let window = Window::new(8, 10, 12, Some(3))?;
/// assert!(window.plan().eq([10, 9, 11, 8, 12, 3]));
/// # Ok::<(), kagimori_otp::WindowError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    first: u64,
    predicted: u64,
    last: u64,
    spent: Option<u64>,
}

/// A window that is not `first <= predicted <= last`, holds more than
/// [`MAX_STEPS`], or has its spent step inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowError;

impl fmt::Display for WindowError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(
            "a window is first <= predicted <= last, at most 1024 steps, spent outside of it",
        )
    }
}

impl core::error::Error for WindowError {}

impl Window {
    /// `first` and `last` are inclusive; `spent` is one step more, tried last.
    pub fn new(
        first: u64,
        predicted: u64,
        last: u64,
        spent: Option<u64>,
    ) -> Result<Self, WindowError> {
        let ordered = first <= predicted && predicted <= last;
        let outside = spent.is_none_or(|step| step < first || step > last);
        if ordered && outside && last - first < MAX_STEPS {
            Ok(Self { first, predicted, last, spent })
        } else {
            Err(WindowError)
        }
    }

    /// The steps, each once: from the predicted one outward, the spent one last.
    #[must_use]
    pub fn plan(&self) -> Plan {
        Plan {
            window: *self,
            below: before(self.predicted, self.first),
            above: Some(self.predicted),
            spent: self.spent,
        }
    }
}

/// The steps of a [`Window`] in the order they are tried.
#[derive(Clone, Debug)]
pub struct Plan {
    window: Window,
    below: Option<u64>,
    above: Option<u64>,
    spent: Option<u64>,
}

impl Iterator for Plan {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        match (self.below, self.above) {
            (Some(below), Some(above)) if self.is_nearer(below, above) => Some(self.down(below)),
            (_, Some(above)) => Some(self.up(above)),
            (Some(below), None) => Some(self.down(below)),
            (None, None) => self.spent.take(),
        }
    }
}

impl Plan {
    /// The same steps but for the spent one.
    pub(crate) fn unspent(self) -> Self {
        Self { spent: None, ..self }
    }

    /// A slow token is as likely as a fast one; the past goes first.
    fn is_nearer(&self, below: u64, above: u64) -> bool {
        self.window.predicted - below <= above - self.window.predicted
    }

    fn down(&mut self, step: u64) -> u64 {
        self.below = before(step, self.window.first);
        step
    }

    fn up(&mut self, step: u64) -> u64 {
        self.above = step.checked_add(1).filter(|next| *next <= self.window.last);
        step
    }
}

fn before(step: u64, first: u64) -> Option<u64> {
    step.checked_sub(1).filter(|previous| *previous >= first)
}
