//! What an operator watches: metrics, log lines, traces and readiness.

pub mod logs;
pub mod metrics;
pub mod queue;
pub mod readiness;
pub mod traces;
