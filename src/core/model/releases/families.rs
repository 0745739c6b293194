//! Families of tags: those of one thing that is released, in a repository that has several.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::tags::version_of;

/// Names in front of a version that say nothing but that it is one.
const PLAIN: [&str; 6] = ["", "v", "release", "rel", "version", "ver"];
/// Signs between a name and its version.
const JOINTS: [char; 5] = ['-', '_', '.', '/', '@'];

/// The tags that have one name in front of their versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// The pattern that most of them are like, as `git tag --list` has patterns; of several, the widest.
    pub pattern: String,
    /// The number of them.
    pub tags: usize,
}

/// The families of tags that are versions, the largest first.
pub fn families<'a>(tags: impl IntoIterator<Item = &'a str>) -> Vec<Family> {
    let mut by_name: BTreeMap<String, BTreeMap<&str, usize>> = BTreeMap::new();
    for tag in tags {
        let front = front(tag);
        *by_name.entry(name(front)).or_default().entry(front).or_default() += 1;
    }
    let family = |fronts: BTreeMap<&str, usize>| {
        let front = fronts.iter().max_by_key(|(front, count)| (**count, Reverse(front.len())));
        let front = front.map_or("", |(front, _)| front);
        let pattern = if front.is_empty() { "[0-9]*".to_owned() } else { format!("{front}*") };
        Family { pattern, tags: fronts.values().sum() }
    };
    let mut families: Vec<Family> = by_name.into_values().map(family).collect();
    families.sort_by_key(|family| Reverse(family.tags));
    families
}

/// All that stands before the version's first digit.
fn front(tag: &str) -> &str {
    let scope = tag.len() - version_of(tag).len();
    let digit = tag[scope..].find(|letter: char| letter.is_ascii_digit());
    &tag[..scope + digit.unwrap_or(0)]
}

/// The name in it: `web/v` and `web-` say `web`, `v` and `release-` say nothing.
fn name(front: &str) -> String {
    let front = front.to_ascii_lowercase();
    let without_v = front.strip_suffix('v').filter(|rest| rest.is_empty() || rest.ends_with(JOINTS));
    let name = without_v.unwrap_or(&front).trim_end_matches(JOINTS);
    if PLAIN.contains(&name) { String::new() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(tags: &str) -> String {
        let families = families(tags.split_whitespace());
        families.iter().map(|it| format!("{} {}", it.pattern, it.tags)).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn tags_of_one_name_are_a_family() {
        for (tags, families) in [
            ("v1.0.0 v1.1.0 1.0 release-2 V3.0", "v* 5"),
            ("1.0 1.1 v1.2", "[0-9]* 3"),
            ("web/v1.0.0 web/v1.1.0 cart/v1.0.0 v1.0.0", "web/v* 2, v* 1, cart/v* 1"),
            ("cart-1.2.3 cart-v1.3.0 v2.0.0", "cart-* 2, v* 1"),
            ("@shop/web@1.0.0 @shop/cart@1.0.0", "@shop/cart@* 1, @shop/web@* 1"),
            ("dev1.0 v1.0", "v* 1, dev* 1"),
            ("", ""),
        ] {
            assert_eq!(told(tags), families, "{tags}");
        }
    }
}
