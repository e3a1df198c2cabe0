//! A small set that is built once and then queried.

/// Members in order, without duplicates.
#[derive(Debug)]
pub(crate) struct Sorted<T>(Vec<T>);

impl<T: Ord> Sorted<T> {
    pub(crate) fn contains(&self, member: &T) -> bool {
        self.0.binary_search(member).is_ok()
    }
}

impl<T> Sorted<T> {
    pub(crate) fn as_slice(&self) -> &[T] {
        &self.0
    }
}

impl<T: Ord> FromIterator<T> for Sorted<T> {
    fn from_iter<I: IntoIterator<Item = T>>(members: I) -> Self {
        let mut members: Vec<T> = members.into_iter().collect();
        // Members that were collected in the Pod's order are sorted.
        if !members.is_sorted() {
            members.sort_unstable();
        }
        members.dedup();
        Self(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_each_member_once_and_no_other() {
        let set: Sorted<u8> = [3, 1, 2, 3, 1].into_iter().collect();
        assert_eq!(set.as_slice(), [1, 2, 3]);
        assert!(set.contains(&2) && !set.contains(&4) && !set.contains(&0));
    }
}
