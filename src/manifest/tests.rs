//! Reads and writes of whole texts.
