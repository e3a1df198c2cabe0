//! The hostPaths of the files of a scan that other files fill in, and the gaps of its charts.
//!
//! A template is filled in by names that only its chart has, and a chart is one gap: both are known only where all files
//! are.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::scan::charts::Chart;
use crate::scan::cores::on_each;
use crate::scan::evaluator::Evaluator;
use crate::scan::files::{Input, Inputs};
use crate::scan::filled;
use crate::scan::given;
use crate::scan::helpers::Helpers;
use crate::scan::mentions::Words;
use crate::scan::result::{Gap, Open, Reading};

impl Inputs {
    /// Adds the gaps of hostPaths that another file fills in.
    pub(super) fn fill(&self, evaluator: &Evaluator, readings: &mut [Reading]) {
        let mut open: Vec<(usize, Open)> = Vec::new();
        for (index, reading) in readings.iter_mut().enumerate() {
            open.extend(
                std::mem::take(&mut reading.open)
                    .into_iter()
                    .map(|one| (index, one)),
            );
        }
        if open.is_empty() {
            return;
        }
        let by_name = self.name(&mut open);
        let all: Vec<&Open> = open.iter().map(|(_, one)| one).collect();
        let words = Words::of(&evaluator.policy.sockets);
        let given = on_each(&self.inputs, |input| {
            let text = input.text()?;
            Some(given::given(&text, &all, &words))
        });
        let given = self.inputs.iter().zip(given);
        let given = given.filter_map(|(input, found)| {
            let path = input.path()?;
            let is_judged =
                |index: &usize| all.get(*index).is_some_and(|one| self.judged(path, one));
            let mut found = found?;
            found.retain(|(index, _)| !is_judged(index));
            Some((path, found))
        });
        let mut gaps = given::gaps(&all, given);
        let missing = all
            .iter()
            .enumerate()
            .filter(|(index, _)| !gaps.contains_key(index) && !by_name.contains(index));
        let of_charts = self.given_by_charts(missing, &words);
        gaps.extend(of_charts);
        for (index, one) in all.iter().enumerate().filter(|(_, one)| one.is_unknown) {
            // What a chart has for it is in its values.
            let mut charts = self.charts.iter();
            let is_its =
                |(chart, _): &(Chart, String)| chart.has_template(Path::new(&one.gap.place));
            if !gaps.contains_key(&index) && !charts.any(is_its) {
                gaps.insert(index, filled::unknown(one));
            }
        }
        for (index, gap) in gaps {
            let reading = open.get(index).map(|(reading, _)| *reading);
            if let Some(reading) = reading.and_then(|index| readings.get_mut(index)) {
                reading.gaps.push(gap);
            }
        }
    }

    /// The gaps of those of `open` in the templates of a chart whose own values have a path that leads to a runtime:
    /// by what name a template comes by a value is known only to helm.
    fn given_by_charts<'o>(
        &self,
        open: impl Iterator<Item = (usize, &'o &'o Open)>,
        words: &Words,
    ) -> Vec<(usize, Gap)> {
        let mut given: HashMap<&Path, Option<(String, u32)>> = HashMap::new();
        let mut found = Vec::new();
        for (index, one) in open {
            let Some(chart) = self.chart_of(one) else {
                continue;
            };
            let given = given.entry(chart.folder()).or_insert_with(|| {
                let is_judged = |path: &Path| {
                    self.rendered.contains(chart)
                        && (chart.has_default_values(path) || chart.has_template(path))
                };
                let mut own = self.inputs.iter().filter_map(|input| {
                    let path = input.path();
                    let path = path.filter(|path| chart.has_values(path) && !is_judged(path))?;
                    let line = given::in_chart(&input.text()?, words)?;
                    Some((path.to_string_lossy().into_owned(), line))
                });
                own.next()
            });
            found.extend(given.as_ref().map(|(file, line)| {
                let mut gap = one.gap.clone();
                gap.message = format!(
                    "{}: a hostPath is filled in later, and {file}:{line} has a path that leads to a container \
                     runtime; run helm template and pass the result",
                    gap.message,
                );
                (index, gap)
            }));
        }
        found
    }

    /// Adds the names by which the templates of charts come by their values, and gives those that have no others.
    fn name(&self, open: &mut [(usize, Open)]) -> HashSet<usize> {
        let mut texts: HashMap<&Path, Vec<String>> = HashMap::new();
        for chart in open.iter().filter_map(|(_, one)| self.chart_of(one)) {
            texts.entry(chart.folder()).or_insert_with(|| {
                let own = self.inputs.iter().filter(|input| {
                    let mut path = input.path().into_iter();
                    path.any(|path| chart.has_template(path))
                });
                own.filter_map(Input::text)
                    .filter(|text| text.contains("define"))
                    .collect()
            });
        }
        let helpers: HashMap<&Path, Helpers<'_>> = texts
            .iter()
            .map(|(folder, texts)| (*folder, Helpers::of(texts.iter().map(String::as_str))))
            .collect();
        let mut by_name = HashSet::new();
        for (index, (_, one)) in open.iter_mut().enumerate() {
            let helpers = self
                .chart_of(one)
                .and_then(|chart| helpers.get(chart.folder()));
            let Some(found) = helpers.map(|helpers| helpers.names(&one.with)) else {
                continue;
            };
            let is_all = found.is_all && !found.names.is_empty();
            let new = found.names.into_iter();
            let new: Vec<String> = new.filter(|name| !one.names.contains(name)).collect();
            one.names.extend(new);
            if is_all {
                by_name.insert(index);
            }
        }
        by_name
    }

    /// The chart of which it is a template.
    fn chart_of(&self, one: &Open) -> Option<&Chart> {
        let unrendered = self.charts.iter().map(|(chart, _)| chart);
        let mut all = unrendered.chain(&self.rendered);
        all.find(|chart| chart.has_template(Path::new(&one.gap.place)))
    }

    /// Whether what a file of values gives to a hostPath is judged with what helm made of the chart.
    fn judged(&self, path: &Path, one: &Open) -> bool {
        one.is_rendered
            && (self.values.iter().any(|values| values == path)
                || self
                    .chart_of(one)
                    .is_some_and(|chart| chart.has_default_values(path)))
    }

    /// The gaps of the templates of each chart as one.
    pub(super) fn chart_gaps(&self, readings: &mut [Reading]) -> Vec<Gap> {
        let mut gaps = Vec::new();
        let rendered = self.rendered.iter().map(|chart| (chart, None));
        let unrendered = self.charts.iter().map(|(chart, why)| (chart, Some(why)));
        for (chart, why) in unrendered.chain(rendered) {
            let mut own = Vec::new();
            for (input, reading) in self.inputs.iter().zip(readings.iter_mut()) {
                if input.path().is_some_and(|path| chart.has_template(path)) {
                    let all = std::mem::take(&mut reading.gaps);
                    let (templates, others): (Vec<Gap>, _) = all
                        .into_iter()
                        .partition(|gap| gap.is_unread() || gap.is_named());
                    reading.gaps = others;
                    own.extend(templates);
                }
            }
            gaps.extend(match why {
                Some(why) => chart.gap(&own, why),
                None => chart.gap_otherwise(&own),
            });
        }
        gaps
    }
}
