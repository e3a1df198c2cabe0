//! What is told on a terminal, with text from files in it.
//!
//! A name in a manifest may have any character: none of them moves the cursor, changes colors or
//! turns the line around.

use std::fmt;
use std::io::{self, Write};

use crate::text::{visible, visible_lines};

/// Writes what steers a terminal as escapes.
#[derive(Debug)]
pub struct Terminal<W>(W);

impl<W: Write> Terminal<W> {
    /// In front of `to`.
    pub fn new(to: W) -> Self {
        Self(to)
    }
}

impl<W: Write> Write for Terminal<W> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let Self(to) = self;
        to.write_all(visible_lines(&String::from_utf8_lossy(text)).as_bytes())?;
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let Self(to) = self;
        to.flush()
    }
}

/// Writes one line, whatever is in its text: a line feed in a name would begin another, which a CI
/// system may take for a command of its own (`::stop-commands::`).
///
/// # Errors
/// Where the writer fails.
pub fn line(to: &mut dyn Write, text: fmt::Arguments<'_>) -> io::Result<()> {
    writeln!(to, "{}", visible(&text.to_string()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_line_is_one_line() {
        let (mut written, name) = (Vec::new(), "a\n::stop-commands::x");
        line(&mut written, format_args!("error: {name}")).unwrap();
        let written = String::from_utf8(written).unwrap();
        assert_eq!(written, "error: a\\u{a}::stop-commands::x\n");
    }

    #[test]
    fn what_steers_a_terminal_is_written_as_an_escape() {
        let (mut written, name) = (Vec::new(), "\u{1b}[2J");
        writeln!(Terminal::new(&mut written), "a{name}b é\n\u{202e}c").unwrap();
        let written = String::from_utf8(written).unwrap();
        assert_eq!(written, "a\\u{1b}[2Jb é\n\\u{202e}c\n");
    }
}
