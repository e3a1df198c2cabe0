//! AdmissionReview bytes in, a borrowed view of the Pod out.
//!
//! A body that is not a review of a Pod is an error of the caller, with a text that says what to change.

pub mod admission;
pub mod creation;
pub mod prefilter;
