//! What a text names that nothing found accounts for, as gaps: one for each line, and an end to them. Pure.

use crate::scan::encoded;
use crate::scan::mentions::{Mention, Named, line_at};
use crate::scan::result::{Gap, Why};
use crate::scan::ways;

/// So many places of one text are told on their own.
const MOST: usize = 50;

/// Where a mention stands that is no value.
pub(super) fn beside(text: &str, mention: Mention) -> String {
    if encoded::is_at(text, mention.start) {
        "in base64".to_owned()
    } else if ways::is_comment(line_at(text, mention.start)) {
        "in a comment".to_owned()
    } else {
        "in a text that is not read as a Pod".to_owned()
    }
}

/// Says of a daemon that a text names, if that is what a gap is of, that it is of the Pod to which the text belongs.
pub(super) fn of_pod(gap: &mut Gap, pod: &str) {
    let noun = Named::Daemon.noun();
    let named = format!("names {noun}");
    // One of a Pod inside of the text has that one's name.
    if gap.why == Why::NamesDaemon && gap.message.starts_with(&named) {
        gap.message = format!("{pod}: {named}; it may be a node's");
    }
}

/// The gaps, one for each line.
#[derive(Default)]
pub(super) struct Told {
    gaps: Vec<Gap>,
    more: usize,
}

impl Told {
    /// Whether this line was told last.
    pub(super) fn has(&self, line: u32) -> bool {
        self.gaps.last().is_some_and(|gap| gap.line == Some(line))
    }

    pub(super) fn push(&mut self, line: u32, what: Named, place: &str) {
        if self.has(line) {
            return;
        }
        if self.gaps.len() >= MOST {
            self.more += 1;
            return;
        }
        self.gaps.push(Gap {
            place: String::new(),
            line: Some(line),
            why: match what {
                Named::Socket | Named::Switch => Why::NamesSocket,
                Named::Pipe => Why::NamesPipe,
                Named::HostPath | Named::Bind => Why::HostPath,
                Named::Daemon => Why::NamesDaemon,
            },
            message: match what {
                Named::Socket => format!(
                    "names {} {place}; no Pod that was found has it",
                    what.noun()
                ),
                Named::HostPath => format!("has {} {place}; no Pod that was found mounts it", what.noun()),
                Named::Bind => format!("binds {} {place}; no Pod that was found mounts it", what.noun()),
                Named::Switch => format!("turns on {}; no Pod that was found has it", what.noun()),
                Named::Daemon => format!("names {} {place}; it may be a node's", what.noun()),
                Named::Pipe => format!(
                    "names {} {place}; a Windows container keeps it: no Docker daemon takes its place",
                    what.noun()
                ),
            },
            mentions: Some(line),
        });
    }

    /// A daemon by its address, in what belongs to a Pod of this name.
    pub(super) fn push_daemon(&mut self, line: u32, pod: &str) {
        let before = self.gaps.len();
        self.push(line, Named::Daemon, "");
        if let Some(gap) = self.gaps.get_mut(before) {
            of_pod(gap, pod);
        }
    }

    pub(super) fn gaps(self) -> Vec<Gap> {
        let Self { mut gaps, more } = self;
        gaps.sort_by_key(|gap| gap.line);
        gaps.dedup_by_key(|gap| gap.line);
        if more > 0
            && let Some(last) = gaps.last_mut()
        {
            last.message
                .push_str(&format!("; so do {more} more places of this file"));
        }
        gaps
    }
}
