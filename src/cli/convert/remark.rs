//! What the command says of a file. It is said once it is known whether the file is written: its lines are those
//! of the text that is there in the end.

use std::io::{self, Write};

use crate::cli::terminal::line;
use crate::migrate::Lines;
use crate::scan::result::Gap;

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// The file is not written.
    Error,
    /// A person has to look at it.
    Warning,
    /// A person may look at it.
    Note,
}

/// A line of a text that may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At {
    before: u32,
    after: u32,
}

impl At {
    /// A line of the text as it was.
    pub fn before(line: u32, lines: &Lines) -> Self {
        Self {
            before: line,
            after: lines.after(line),
        }
    }

    /// A line of the text as it became.
    pub fn after(line: u32, lines: &Lines) -> Self {
        Self {
            before: lines.before(line),
            after: line,
        }
    }

    /// A line of the text as it was, whatever became of it.
    pub fn was(line: u32) -> Self {
        Self {
            before: line,
            after: line,
        }
    }
}

/// One thing that is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Remark {
    pub level: Level,
    /// The file.
    pub place: String,
    pub at: Option<At>,
    pub message: String,
}

impl Remark {
    /// That something could not be looked at.
    pub fn of_gap(gap: &Gap, lines: &Lines) -> Self {
        let Gap {
            place,
            line,
            message,
            ..
        } = gap;
        Self {
            level: Level::Warning,
            place: place.clone(),
            at: line.map(|line| At::after(line, lines)),
            message: message.clone(),
        }
    }

    /// Says it, of a file that is written or stays as it was.
    pub fn tell(&self, is_written: bool, err: &mut dyn Write) -> io::Result<()> {
        let Self {
            level,
            place,
            at,
            message,
        } = self;
        let level = match level {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Note => "note",
        };
        let at = at.map_or_else(String::new, |at| {
            let at = if is_written { at.after } else { at.before };
            format!(":{at}")
        });
        line(err, format_args!("{level}: {place}{at}: {message}"))
    }
}
