//! Finds the files that import each other, directly or through others.

use std::collections::HashMap;

use super::imports::{absolute, paths};

/// A module's path and its code without comments and tests.
pub(super) type Module<'a> = (Vec<&'a str>, &'a str);

/// The groups of modules in which each imports each other, by their places in `modules`. A name that a parent only passes
/// on (`pub use`) counts for the module that has it.
pub(super) fn cycles(modules: &[Module<'_>]) -> Vec<Vec<usize>> {
    let imports = imports(modules);
    let reached: Vec<Vec<bool>> = (0..modules.len()).map(|from| reached(from, &imports)).collect();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (one, from_one) in reached.iter().enumerate() {
        let group: Vec<usize> =
            (0..modules.len()).filter(|&other| from_one[other] && reached[other][one]).collect();
        if group.len() > 1 && group[0] == one {
            groups.push(group);
        }
    }
    groups
}

/// For each module, the modules that it imports from.
fn imports(modules: &[Module<'_>]) -> Vec<Vec<usize>> {
    let places: HashMap<&[&str], usize> =
        modules.iter().enumerate().map(|(place, (module, _))| (&module[..], place)).collect();
    let split: Vec<(String, Vec<&str>)> = modules.iter().map(|(_, code)| without_reexports(code)).collect();
    let mut passed_on = HashMap::new();
    for (place, (module, _)) in modules.iter().enumerate() {
        for path in split[place].1.iter().flat_map(|statement| paths_of(module, statement, modules)) {
            if let Some(name) = path.last() {
                passed_on.insert((place, *name), path.clone());
            }
        }
    }
    let home = |mut path: Vec<String>| {
        // Some names are passed on by several parents.
        for _ in 0..8 {
            let parts: Vec<&str> = path.iter().map(String::as_str).collect();
            let known = (1..=parts.len()).rev().find_map(|end| Some((end, *places.get(&parts[..end])?)));
            let (end, place) = known?;
            let further = parts.get(end).and_then(|name| passed_on.get(&(place, *name)));
            let Some(further) = further else { return Some(place) };
            path = further.iter().chain(&parts[end + 1..]).map(|part| (*part).to_owned()).collect();
        }
        None
    };
    let of = |(place, (module, _)): (usize, &Module<'_>)| {
        let paths = paths_of(module, &split[place].0, modules);
        let homes = paths.iter().filter_map(|path| home(path.iter().map(|&part| part.to_owned()).collect()));
        homes.filter(|&other| other != place).collect()
    };
    modules.iter().enumerate().map(of).collect()
}

/// The absolute paths that this code of `module` names.
fn paths_of<'a>(module: &[&'a str], code: &'a str, modules: &[Module<'a>]) -> Vec<Vec<&'a str>> {
    let is_child = |other: &&Module<'_>| other.0.len() == module.len() + 1 && other.0.starts_with(module);
    let children = modules.iter().filter(is_child).filter_map(|(child, _)| child.last().copied());
    let roots: Vec<&str> = ["crate", "super", "self"].into_iter().chain(children).collect();
    paths(code, &roots).iter().map(|path| absolute(module, path)).collect()
}

/// The code without its statements that pass names on, and these.
fn without_reexports(code: &str) -> (String, Vec<&str>) {
    let (mut rest, mut kept, mut statements) = (code, String::new(), Vec::new());
    while let Some(at) = rest.find("pub") {
        let statement = rest[at..].split(';').next().unwrap_or_default();
        let after = statement[3..].trim_start();
        let after =
            if after.starts_with('(') { after.split_once(')').map_or("", |(_, rest)| rest) } else { after };
        if after.trim_start().starts_with("use ") {
            kept.push_str(&rest[..at]);
            statements.push(statement);
            rest = &rest[at + statement.len()..];
        } else {
            kept.push_str(&rest[..at + 3]);
            rest = &rest[at + 3..];
        }
    }
    kept.push_str(rest);
    (kept, statements)
}

/// The modules that `from` leads to, itself left out unless a circle leads back.
fn reached(from: usize, imports: &[Vec<usize>]) -> Vec<bool> {
    let (mut reached, mut next) = (vec![false; imports.len()], imports[from].clone());
    while let Some(module) = next.pop() {
        if !std::mem::replace(&mut reached[module], true) {
            next.extend(&imports[module]);
        }
    }
    reached
}
