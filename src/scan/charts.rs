//! Charts of a directory: rendered by helm where it is on `PATH`; else one gap each.
//!
//! A template says what a Pod will be only once it is rendered, with its default values here as
//! kube-linter does it. Nothing is fetched: a chart whose dependencies are missing is a gap, with what
//! helm says of it. A chart without a template that leads to a runtime hides none, and is no gap.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::scan::program::{folder_name, printed};
use crate::scan::result::{Gap, Unmade, Why};

const UNRENDERED: Unmade = Unmade {
    why: Why::Chart,
    what: "a chart that was not rendered",
    command: "helm template",
};

const OTHERWISE: Unmade = Unmade {
    why: Why::Chart,
    what: "a chart that was rendered with one set of values",
    command: "helm template with the values of each installation",
};

/// A chart's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chart(PathBuf);

impl Chart {
    /// The charts among `files`, without those in the `charts` folder of another.
    pub fn among<'p>(files: impl Iterator<Item = &'p Path>) -> Vec<Self> {
        let names = files.filter(|path| path.file_name().is_some_and(|name| name == "Chart.yaml"));
        let mut folders: Vec<&Path> = names.filter_map(Path::parent).collect();
        folders.sort_unstable();
        let mut found: Vec<Self> = Vec::new();
        for folder in folders {
            let is_inside = |chart: &Self| folder.starts_with(chart.0.join("charts"));
            if !found.iter().any(is_inside) {
                found.push(Self(folder.to_owned()));
            }
        }
        found
    }

    /// Whether `path` is a template of it, or of a chart that it depends on.
    pub fn has_template(&self, path: &Path) -> bool {
        let Ok(inner) = path.strip_prefix(&self.0) else {
            return false;
        };
        let mut parts = inner.components().map(|part| part.as_os_str());
        match parts.next() {
            Some(first) if first == "templates" => true,
            Some(first) if first == "charts" => parts.any(|part| part == "templates"),
            Some(_) | None => false,
        }
    }

    /// Whether `path` is a file that gives values to its templates, or a helper of these.
    pub fn has_values(&self, path: &Path) -> bool {
        let extension = path.extension().and_then(|extension| extension.to_str());
        path.starts_with(&self.0)
            && match extension {
                Some("tpl") => true,
                Some("yaml" | "yml" | "json" | "gotmpl") => !self.has_template(path),
                Some(_) | None => false,
            }
    }

    /// Whether `path` has the values that it is rendered with where no others are given.
    pub fn has_default_values(&self, path: &Path) -> bool {
        self.has_values(path) && path.file_name().is_some_and(|name| name == "values.yaml")
    }

    /// The path of a template in the chart.
    pub fn inner<'p>(&self, path: &'p Path) -> &'p Path {
        path.strip_prefix(&self.0).unwrap_or(path)
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// Whether `path` is a chart that it depends on, in an archive.
    pub fn packs(&self, path: &Path) -> bool {
        path.parent() == Some(&*self.0.join("charts"))
            && path.extension().is_some_and(|extension| extension == "tgz")
    }

    /// The gaps of the archives among `files`, which only helm looks into.
    pub fn packed<'p>(&self, files: impl Iterator<Item = &'p Path>, why: &str) -> Vec<Gap> {
        let packed = files.filter(|path| self.packs(path));
        packed
            .map(|path| Gap {
                place: path.to_string_lossy().into_owned(),
                line: None,
                why: Why::Chart,
                message: format!(
                    "a packed chart that was not rendered: {why}. Unpack it, or run helm template on {} and pass \
                     the result",
                    self.name()
                ),
                mentions: None,
            })
            .collect()
    }

    /// Its folder, for people.
    pub fn name(&self) -> String {
        folder_name(&self.0)
    }

    /// What helm makes of it with its default values and `values`; none where there is no helm.
    ///
    /// # Errors
    /// What helm says of it.
    pub fn rendered(&self, values: &[PathBuf]) -> Result<Option<String>, String> {
        let mut command = Command::new("helm");
        command.args(["template", "release"]).arg(self.name());
        for file in values {
            command.arg("--values").arg(file);
        }
        printed(&mut command)
    }

    /// The one gap of what other values would make of it, in place of those of its templates.
    pub fn gap_otherwise(&self, templates: &[Gap]) -> Option<Gap> {
        Gap::of_unmade(
            &OTHERWISE,
            self.name(),
            templates,
            "with others it may have more",
        )
    }

    /// The one gap of a chart that is not rendered, in place of those of its templates.
    pub fn gap(&self, templates: &[Gap], why: &str) -> Option<Gap> {
        Gap::of_unmade(&UNRENDERED, self.name(), templates, why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_archives_of_its_own_folder_are_packed_charts() {
        let files = ["a/charts/b-1.0.0.tgz", "a/b.tgz", "c/charts/b.tgz"];
        let gaps = Chart("a".into()).packed(files.iter().map(Path::new), "helm is not on PATH");
        let places: Vec<_> = gaps.iter().map(|gap| &*gap.place).collect();
        assert_eq!(places, ["a/charts/b-1.0.0.tgz"]);
    }

    #[test]
    fn a_chart_in_another_belongs_to_it() {
        let files = [
            "a/Chart.yaml",
            "a/charts/b/Chart.yaml",
            "c/Chart.yaml",
            "x.yaml",
        ];
        let charts = Chart::among(files.iter().map(Path::new));
        assert_eq!(charts, ["a", "c"].map(|folder| Chart(folder.into())));
        for (path, is_template) in [
            ("a/templates/d.yaml", true),
            ("a/charts/b/templates/d.yaml", true),
            ("a/charts/b/values.yaml", false),
            ("a/values.yaml", false),
            ("c/templates", true),
        ] {
            let is_one = charts
                .iter()
                .any(|chart| chart.has_template(Path::new(path)));
            assert_eq!(is_one, is_template, "{path}");
        }
    }
}
