//! Why a text could not be read, and where: line and column, then what to change.
//!
//! A caller that knows the file's name prints `{path}:{error}`, which editors and CI logs link.

/// The text is no manifest that `kubectl` would read. Displays as `line:column: what to change`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {problem}")]
pub struct ReadError {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Not YAML; holds the parser's own words.
    #[error("this is not valid YAML: {0}")]
    Yaml(String),
    /// Not JSON; holds the parser's own words.
    #[error("this is not valid JSON: {0}")]
    Json(String),
    /// Not YAML, and near a `{{ … }}`.
    #[error(
        "this looks like a template; render it first (`helm template`, say) and pass the result"
    )]
    Template,
    /// One key twice in one mapping.
    #[error("the key {0:?} stands twice in one mapping; keep one of the two")]
    DuplicateKey(String),
    /// A key that JSON cannot have: null, a list, a mapping, a number above 2^63.
    #[error("{0} cannot be a key; write the key as a string in quotes")]
    Key(&'static str),
    /// `.inf` or `.nan`.
    #[error("{0} has no form in JSON; put it in quotes if it is meant as a string")]
    Float(String),
    /// A tag and a text that do not go together.
    #[error("{text:?} is not a {tag}; correct the value or remove the tag")]
    Tag {
        /// The tag as it is written, `!!int`.
        tag: String,
        /// The scalar's text.
        text: String,
    },
    /// `*name` where no `&name` was completed before it in this document.
    #[error("this alias names no anchor that ends before it in this document; define it above")]
    Alias,
    /// `<<` with something else than a mapping or a list of mappings.
    #[error("`<<` can merge only a mapping or a list of mappings")]
    Merge,
    /// Mappings and lists nested too deeply.
    #[error("mappings and lists nest deeper than {0} levels here; flatten the document")]
    Depth(usize),
    /// Aliases that multiply the document beyond what any object may be.
    #[error("the aliases of this document expand to more than {0} MiB; write the values out")]
    Expansion(usize),
}
