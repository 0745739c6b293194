//! The layers of the control plane: a file of `src/admin/` imports from the layers below its own, or from its own folder,
//! and files import each other in no circle.

use std::collections::{BTreeMap, BTreeSet};

use super::imports::paths;
use super::sources;

/// Folders and files of `src/admin/`, from below. Those of one layer do not know each other.
const LAYERS: [&[&str]; 6] = [
    &["state"],
    &["http"],
    &["operations", "v1"],
    &["ask", "mcp", "pages", "webhooks"],
    &["router"],
    &["listener"],
];

/// A file's module below `admin`, and the modules of the files that it imports from.
type Imports = BTreeMap<Vec<String>, BTreeSet<Vec<String>>>;

#[test]
fn the_control_plane_has_layers() {
    let mut offences = Vec::new();
    for (module, imported) in &imports() {
        for other in imported.iter().filter(|other| other.first() != module.first()) {
            if layer(other) >= layer(module) {
                offences.push(format!("{} may not import from {}", module.join("::"), other.join("::")));
            }
        }
    }
    assert!(offences.is_empty(), "\n{}", offences.join("\n"));
}

#[test]
fn the_control_planes_files_import_in_no_circle() {
    let mut left = imports();
    // Whatever imports from nothing that is left is in no circle.
    while let Some(leaf) = left.iter().find(|(_, imported)| !imported.iter().any(|it| left.contains_key(it)))
    {
        let leaf = leaf.0.clone();
        left.remove(&leaf);
    }
    let circle: Vec<String> = left.keys().map(|module| module.join("::")).collect();
    assert!(circle.is_empty(), "a circle is among {circle:?}");
}

/// The place of a module's layer; a module without one is above all.
fn layer(module: &[String]) -> usize {
    LAYERS.iter().position(|names| names.contains(&&*module[0])).unwrap_or(LAYERS.len())
}

fn imports() -> Imports {
    let files = sources();
    let modules: BTreeMap<Vec<&str>, &str> = files
        .iter()
        .filter(|file| file.module.len() > 1 && file.module[0] == "admin")
        .map(|file| (file.module.iter().map(String::as_str).collect(), &*file.code))
        .collect();
    assert!(modules.len() > 50, "the control plane was found");
    let imports_of = |module: &[&str], code: &str| {
        let named = paths(module, code).into_iter().filter_map(|path| {
            let end = (2..=path.len()).rev().find(|end| modules.contains_key(&path[..*end]))?;
            Some(below(&path[..end]))
        });
        // A folder's `mod.rs` imports from what it declares.
        let declared = modules.keys().filter(|it| it.len() > 2 && it[..it.len() - 1] == *module);
        let mut imports: BTreeSet<_> = named.chain(declared.map(|it| below(it))).collect();
        imports.remove(&below(module));
        imports
    };
    modules.iter().map(|(module, code)| (below(module), imports_of(module, code))).collect()
}

/// A module's path below `admin`.
fn below(module: &[&str]) -> Vec<String> {
    module[1..].iter().map(|name| (*name).to_owned()).collect()
}
