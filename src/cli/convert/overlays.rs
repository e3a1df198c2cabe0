//! The kustomizations that lay patches over the files that are rewritten: those among them, and those beside.
//!
//! Who converts a base may name it alone; its overlays stand beside it. Only what reaches a file by its resources
//! counts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::manifest::{Document, read_with_positions};
use crate::migrate::{Patch, Target};
use crate::scan::kustomizations::base;
use crate::scan::sources::kustomization::{FILES, Uses, is_file};

/// Folders that are looked into for kustomizations.
const MOST_FOLDERS: usize = 2000;

/// A kustomization: the files that it is made of, by their real paths, and what it lays over them.
struct Overlay {
    resources: BTreeSet<PathBuf>,
    patches: Vec<Patch>,
}

/// All that are known.
pub(super) struct Overlays(Vec<Overlay>);

/// A kustomization's file.
struct Kustomization {
    /// As it is shown.
    name: PathBuf,
    text: String,
    document: Document,
    uses: Uses,
}

impl Overlays {
    /// Those among `files`, and those beside the kustomizations that have these.
    pub fn around<'f>(files: impl Iterator<Item = &'f Path>) -> Self {
        let mut shown: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
        let mut folders = BTreeSet::new();
        let mut add = |file: PathBuf| {
            if let Ok(real) = fs::canonicalize(&file) {
                shown.entry(real).or_insert(file);
            }
        };
        for file in files {
            if is_file(file) {
                add(file.to_owned());
            }
            if let Some(folder) = file.parent().filter(|_| file.is_file()) {
                folders.extend([folder.to_owned(), above(folder)]);
            }
        }
        let own: BTreeSet<PathBuf> = folders.into_iter().filter(|one| has_one(one)).collect();
        let outer: BTreeSet<PathBuf> = own.iter().map(|folder| above(folder)).collect();
        let mut beside = own;
        for folder in outer {
            for next in inner(&folder) {
                if beside.len() < MOST_FOLDERS {
                    beside.extend(inner(&next));
                }
                beside.insert(next);
            }
            beside.insert(folder);
        }
        let beside = beside.into_iter().flat_map(kustomizations);
        beside.for_each(&mut add);
        let names = shown.clone();
        let all = shown.keys().filter_map(|real| Overlay::of(real, &names));
        Self(all.collect())
    }

    /// What is laid over the objects of a file.
    pub fn patches(&self, file: &Path) -> Vec<&Patch> {
        let Ok(real) = fs::canonicalize(file) else {
            return Vec::new();
        };
        let mut found: Vec<&Patch> = Vec::new();
        let own = self.0.iter().filter(|one| one.resources.contains(&real));
        for patch in own.flat_map(|one| &one.patches) {
            // A component is one of several overlays.
            if !found.contains(&patch) {
                found.push(patch);
            }
        }
        found
    }
}

/// The folder that holds `folder`.
fn above(folder: &Path) -> PathBuf {
    let is_named = folder.file_name().is_some();
    match folder.parent().filter(|_| is_named) {
        Some(above) => above.to_owned(),
        None => folder.join(".."),
    }
}

/// The folders in a folder, but for hidden ones.
fn inner(folder: &Path) -> Vec<PathBuf> {
    let shown = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    let entries = fs::read_dir(shown).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| {
        let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
        !is_hidden && entry.file_type().is_ok_and(|kind| kind.is_dir())
    });
    let paths = folders.map(|entry| folder.join(entry.file_name()));
    paths.take(MOST_FOLDERS).collect()
}

/// The kustomization's files of a folder.
fn kustomizations(folder: PathBuf) -> impl Iterator<Item = PathBuf> {
    let files = FILES.into_iter().map(move |name| folder.join(name));
    files.filter(|file| file.is_file())
}

fn has_one(folder: &Path) -> bool {
    kustomizations(folder.to_owned()).next().is_some()
}

impl Overlay {
    /// The one of this file; none where that lays nothing over anything.
    fn of(real: &Path, names: &BTreeMap<PathBuf, PathBuf>) -> Option<Self> {
        let mut resources = BTreeSet::new();
        let mut all: Vec<Kustomization> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut next = vec![real.to_owned()];
        while let Some(file) = next.pop() {
            if !seen.insert(file.clone()) {
                continue;
            }
            let name = names.get(&file).unwrap_or(&file).clone();
            let Some(one) = Kustomization::read(&file, name) else {
                continue;
            };
            let folder = file.parent().unwrap_or(Path::new(""));
            for entry in &one.uses.bases {
                match base(folder, entry) {
                    Some(file) => next.push(file),
                    None => resources.extend(fs::canonicalize(folder.join(entry))),
                }
            }
            all.push(one);
        }
        let is_renamed = all.iter().any(|one| {
            let value = &one.document.value;
            value.get("namePrefix").is_some() || value.get("nameSuffix").is_some()
        });
        // What a component lays over others is laid over what uses the component.
        let own = all.iter().enumerate();
        let own = own.filter(|(index, one)| *index == 0 || one.uses.is_component);
        let patches = own.flat_map(|(_, one)| one.patches(is_renamed));
        let patches: Vec<Patch> = patches.collect();
        (!patches.is_empty()).then_some(Self { resources, patches })
    }
}

impl Kustomization {
    fn read(file: &Path, name: PathBuf) -> Option<Self> {
        let text = fs::read_to_string(file).ok()?;
        let document = read_with_positions(&text).ok()?.into_iter().next()?;
        let uses = Uses::of(&document.value)?;
        Some(Self {
            name,
            text,
            document,
            uses,
        })
    }

    fn patches(&self, is_renamed: bool) -> Vec<Patch> {
        let mut found = Vec::new();
        for (key, is_entry) in [
            ("patches", true),
            ("patchesJson6902", true),
            ("patchesStrategicMerge", false),
        ] {
            let list = self.document.value.get(key).and_then(Value::as_array);
            for (index, item) in list.into_iter().flatten().enumerate() {
                let at = format!("/{key}/{index}");
                let text = |key: &str| item.get(key).and_then(Value::as_str);
                let target = item.get("target").filter(|target| target.is_object());
                let target = target.map(|target| Target::of(target, is_renamed));
                let target = target.as_ref();
                found.extend(
                    match (is_entry, text("path"), text("patch"), item.as_str()) {
                        (true, Some(path), _, _) => self.file(path, target, is_renamed),
                        (true, None, Some(patch), _) => {
                            self.inline(&format!("{at}/patch"), patch, target, is_renamed)
                        }
                        (false, _, _, Some(patch)) if patch.contains('\n') => {
                            self.inline(&at, patch, None, is_renamed)
                        }
                        (false, _, _, Some(path)) => self.file(path, None, is_renamed),
                        (true, None, None, _) | (false, _, _, None) => Vec::new(),
                    },
                );
            }
        }
        found
    }

    fn file(&self, path: &str, target: Option<&Target>, is_renamed: bool) -> Vec<Patch> {
        let file = self.name.parent().unwrap_or(Path::new("")).join(path);
        let text = fs::read_to_string(&file).unwrap_or_default();
        let place = |line: u32| format!("{}:{line}", file.display());
        Patch::all(&text, target, is_renamed, &place)
    }

    /// A patch that stands in the string at this pointer.
    fn inline(
        &self,
        at: &str,
        patch: &str,
        target: Option<&Target>,
        is_renamed: bool,
    ) -> Vec<Patch> {
        let positions = self.document.positions.as_ref();
        let position = positions.and_then(|all| all.nearest(at));
        let first = position.map_or(self.document.line, |position| position.line);
        let node = position.and_then(|position| self.text.get(position.node.clone()));
        let is_literal = node.is_some_and(|node| node.starts_with('|'));
        let place = |line: u32| {
            let line = if is_literal { first + line } else { first };
            format!("{}:{line}", self.name.display())
        };
        Patch::all(patch, target, is_renamed, &place)
    }
}
