//! The metrics of a replica, or of a kubelet, as far as a check looks at them.
//!
//! Source: <https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md>, "Text format".

use std::collections::BTreeMap;

/// One line of a scrape.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// The lines of a scrape.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples(Vec<Sample>);

impl Samples {
    /// Reads a scrape. A line that is no sample is passed over.
    pub fn read(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Self(lines.filter_map(sample).collect())
    }

    /// The first value of this name.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.named(name).next().map(|sample| sample.value)
    }

    /// This label of the first sample of this name.
    pub fn label(&self, name: &str, label: &str) -> Option<&str> {
        let Self(samples) = self;
        let sample = samples.iter().find(|sample| sample.name == name)?;
        sample.labels.get(label).map(String::as_str)
    }

    /// Each value of this name, with the value of this label.
    pub fn by_label<'s>(
        &'s self,
        name: &'s str,
        label: &'s str,
    ) -> impl Iterator<Item = (&'s str, f64)> {
        let of = move |sample: &'s Sample| {
            let value = sample.labels.get(label)?;
            Some((value.as_str(), sample.value))
        };
        self.named(name).filter_map(of)
    }

    fn named<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s Sample> {
        let Self(samples) = self;
        samples.iter().filter(move |sample| sample.name == name)
    }
}

fn sample(line: &str) -> Option<Sample> {
    let (name, rest) = match line.split_once('{') {
        Some((name, rest)) => (name, rest.rsplit_once("} ")?),
        None => {
            let (name, value) = line.split_once(' ')?;
            (name, ("", value))
        }
    };
    let (labels, value) = rest;
    let labels = labels.split("\",").filter_map(|pair| {
        let (key, value) = pair.split_once("=\"")?;
        Some((key.to_owned(), value.trim_end_matches('"').to_owned()))
    });
    Some(Sample {
        name: name.to_owned(),
        labels: labels.collect(),
        // A time may follow.
        value: value.split_whitespace().next()?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_labels_are_read() {
        let samples = Samples::read(
            "# HELP a b\n\
             a 7\n\
             info{sha256=\"0f\"} 1\n\
             age{watch=\"one\",x=\"y\"} 1.5\n\
             age{watch=\"two\"} 3e2 1700000000\n\
             nonsense\n# EOF\n",
        );
        assert_eq!(samples.value("a"), Some(7.0));
        assert_eq!(samples.value("b"), None);
        assert_eq!(samples.label("info", "sha256"), Some("0f"));
        let ages: Vec<_> = samples.by_label("age", "watch").collect();
        assert_eq!(ages, [("one", 1.5), ("two", 300.0)]);
    }
}
