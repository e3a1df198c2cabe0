//! Where the sidecar mounts volumes that it reaches by a link, or binds later.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::model::expand::literal;
use crate::model::path::CleanPath;
use crate::names;
use crate::plan::container::Mount;
use crate::plan::start_order::Source;

/// Mounts of volumes at places where no container has them, from which links lead into them.
pub(super) struct Places {
    /// The number of the first one.
    pub(super) first: usize,
    /// Those that are mounted, with their numbers.
    pub(super) known: BTreeMap<String, usize>,
}

impl Places {
    /// The path at which the daemon has what `mount` shows, without asking the kubelet for a part of a
    /// volume that may not be there.
    pub(super) fn reach<'p>(
        &mut self,
        mounts: &mut Vec<Mount<'p>>,
        mut mount: Mount<'p>,
        source: Source,
    ) -> String {
        let mut below = String::new();
        if source == Source::Root {
            let part = (mount.sub_path.take(), mount.sub_path_expr.take());
            below = match part {
                (Some(sub), _) => literal(CleanPath::new(&sub).as_str()),
                (None, Some(expression)) => format!("/{expression}"),
                (None, None) => below,
            };
        }
        mount.mount_path = Cow::Borrowed("");
        let next = self.first + self.known.len();
        let number = *self.known.entry(format!("{mount:?}")).or_insert(next);
        let place = format!("{}/{number}", names::VOLUMES_DIR);
        if number == next {
            mounts.push(Mount {
                mount_path: Cow::Owned(place.clone()),
                ..mount
            });
        }
        place + &below
    }
}
