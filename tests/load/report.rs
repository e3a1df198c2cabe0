//! What a run prints: rows of numbers with their targets, and the machine they are of.

use std::fmt;
use std::fs;

/// A number held against a target.
pub struct Row {
    pub what: String,
    /// The floor's, where there is one.
    pub floor: String,
    pub product: String,
    pub ratio: Option<f64>,
    pub target: String,
    /// None where it is only told.
    pub met: Option<bool>,
}

/// The table of a measurement.
pub struct Table(pub Vec<Row>);

impl Table {
    /// How many targets are missed.
    pub fn missed(&self) -> usize {
        self.0.iter().filter(|row| row.met == Some(false)).count()
    }

    /// How many are met.
    pub fn met(&self) -> usize {
        self.0.iter().filter(|row| row.met == Some(true)).count()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |a: &str, b: &str, c: &str, d: &str, e: &str, g: &str| {
            writeln!(f, "{a:<38}{b:>12}{c:>12}{d:>8}  {e:<12}{g}")
        };
        line("", "floor", "product", "ratio", "target", "")?;
        for row in &self.0 {
            let ratio = row
                .ratio
                .map(|ratio| format!("{ratio:.2}"))
                .unwrap_or_default();
            let met = match row.met {
                None => "",
                Some(true) => "met",
                Some(false) => "NOT MET",
            };
            line(
                &row.what,
                &row.floor,
                &row.product,
                &ratio,
                &row.target,
                met,
            )?;
        }
        Ok(())
    }
}

/// The machine, in a line.
pub fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let field = |key: &str| {
        cpuinfo
            .lines()
            .find_map(|line| line.strip_prefix(key)?.split_once(": "))
    };
    let model = field("model name")
        .or_else(|| field("Model"))
        .map_or("unknown CPU", |(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or("?");
    format!(
        "{model}, {cores} cores, Linux {}, load average {load} at the start",
        kernel.trim()
    )
}

/// The middle of some numbers.
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}
