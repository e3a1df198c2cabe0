//! Texts of other languages that hold documents: TOML, HCL, shell scripts. Pure.

use std::borrow::Cow;
use std::ops::Range;

use crate::scan::account;
use crate::scan::parts::merge;
use crate::scan::places::{Lines, Places};
use crate::scan::result::{Gap, Reading, Why};
use crate::scan::sources::{fenced, heredoc, terraform, toml_document};
use crate::scan::text::{Around, Reader, first_mention};

impl Reader<'_> {
    /// A GitLab Runner's settings, as far as they can be read.
    pub(super) fn toml(&self, text: &str, around: &Around<'_>) -> Reading {
        let mut reading = Reading::default();
        let toml = toml_document::read(text);
        if let Some((line, message)) = toml.error {
            let message = format!("this is not valid TOML: {message}");
            reading.gaps.extend(self.unparsed(text, line, message));
        }
        let documents = [toml.document];
        let places = Places::given(text, documents.to_vec());
        self.documents(places, &documents, &[], around, &mut reading);
        reading
    }

    /// A file of Terraform.
    pub(super) fn terraform(&self, text: &str, around: &Around<'_>) -> Reading {
        let mut reading = Reading::default();
        match terraform::read(text) {
            Ok(terraform) => {
                let documents = terraform.documents;
                let places = Places::given(text, documents.clone());
                self.documents(
                    places,
                    &documents,
                    &terraform.assigned,
                    around,
                    &mut reading,
                );
                // What another file may use is no block that makes anything.
                let unused = kept(text, &terraform.unused);
                let gaps = account::host_paths(self.words, &unused);
                reading.gaps.extend(gaps);
            }
            Err(error) => {
                reading.seen.documents = 1;
                let gap = self.unparsed(text, error.line, error.to_string());
                reading.gaps.extend(gap);
                reading
                    .gaps
                    .extend(account::of_text(self.words, text, &[], &[]));
            }
        }
        reading
    }

    /// The manifests in a shell script, or in blocks of another text; what else it names is told.
    pub(super) fn shell(&self, text: &str, around: &Around<'_>) -> Reading {
        let mut reading = Reading::default();
        reading.seen.documents = 1;
        let mut known = Vec::new();
        let inner = heredoc::read(text);
        let inner = inner
            .into_iter()
            .map(|one| (Cow::Owned(one.text), one.before, one.bytes));
        let mut inner: Vec<_> = inner.collect();
        // A fence of a script's comment is none; in any other text, a here-document may stand in one.
        if !text.starts_with("#!") {
            let mut fenced = fenced::read(text);
            fenced.retain(|one| {
                let mut others = inner.iter();
                !others.any(|(_, _, bytes)| one.bytes.contains(&bytes.start))
            });
            let fenced = fenced.into_iter();
            inner.extend(fenced.map(|one| (Cow::Borrowed(one.text), one.before, one.bytes)));
        }
        for (inner, before, bytes) in inner {
            let mut part = self.manifest(&inner, around);
            part.seen.documents = 0;
            // What is no manifest is told by what it names.
            if part.workloads.is_empty() {
                part.gaps.retain(|gap| !gap.is_unread() && !gap.is_named());
            } else {
                known.push(bytes);
            }
            merge(&mut reading, part, Lines::Plus(before));
        }
        reading
            .gaps
            .extend(account::of_text(self.words, text, &known, &[]));
        reading
    }

    /// A text that is not the language that it is called. Where it has neither a path of the node nor a word of a
    /// runtime, none is hidden.
    fn unparsed(&self, text: &str, line: u32, message: String) -> Option<Gap> {
        let mentions = first_mention(self.words, text);
        let has_path = ["host_path", "hostPath"]
            .iter()
            .any(|word| text.contains(word));
        (mentions.is_some() || has_path).then_some(Gap {
            place: String::new(),
            line: Some(line),
            why: Why::NotParsed,
            message,
            mentions,
        })
    }
}

/// `text` with nothing but these bytes of it, on their lines.
fn kept(text: &str, bytes: &[Range<usize>]) -> String {
    let mut kept: Vec<u8> = text
        .bytes()
        .map(|byte| if byte == b'\n' { byte } else { b' ' })
        .collect();
    for range in bytes {
        if let (Some(to), Some(from)) = (kept.get_mut(range.clone()), text.get(range.clone())) {
            to.copy_from_slice(from.as_bytes());
        }
    }
    String::from_utf8_lossy(&kept).into_owned()
}
