//! Reads which rooms a file imports from. A room is a folder or file of `src/`, or of `src/model/`: `log`, `model/time`.

use std::collections::BTreeSet;

use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemUse, Meta, Path, UseTree};

/// The rooms, and the crates or modules of the standard library, that this code of `module` names. Code that is compiled
/// for tests alone is left out.
pub(super) fn imported(module: &[&str], text: &str) -> Imported {
    let module = module.iter().map(|name| (*name).to_owned()).collect();
    let mut imported = Imported { module, rooms: BTreeSet::new(), foreign: BTreeSet::new() };
    imported.visit_file(&syn::parse_file(text).unwrap());
    let own = room(&imported.module);
    imported.rooms.remove(&own);
    imported
}

/// The room of a module: `["log", "journal"]` is in `log`, `["model", "oci", "digest"]` in `model/oci`.
pub(super) fn room(module: &[String]) -> String {
    match module {
        [model, inner, ..] if model == "model" => format!("model/{inner}"),
        [first, ..] => first.clone(),
        [] => String::new(),
    }
}

pub(super) struct Imported {
    module: Vec<String>,
    pub(super) rooms: BTreeSet<String>,
    /// Whole paths: `std::fs`, `redb::Database`.
    pub(super) foreign: BTreeSet<String>,
}

impl Imported {
    fn add(&mut self, path: &[String]) {
        let ups = path.iter().take_while(|step| *step == "super").count();
        match path {
            [first, rest @ ..] if first == "crate" => self.rooms.insert(room(rest)),
            [first, ..] if first == "self" => false,
            [first, ..] if first == "super" => {
                let base = &self.module[..self.module.len().saturating_sub(ups)];
                self.rooms.insert(room(&[base, &path[ups..]].concat()))
            }
            _ => self.foreign.insert(path.join("::")),
        };
    }

    fn add_tree(&mut self, tree: &UseTree, before: &mut Vec<String>) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.add_tree(&path.tree, before);
                before.pop();
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_tree(tree, before)),
            UseTree::Name(name) => self.add(&[&before[..], &[name.ident.to_string()]].concat()),
            UseTree::Rename(name) => self.add(&[&before[..], &[name.ident.to_string()]].concat()),
            UseTree::Glob(_) => self.add(before),
        }
    }
}

impl Visit<'_> for Imported {
    fn visit_item(&mut self, item: &Item) {
        let attributes: &[Attribute] = match item {
            Item::Mod(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            _ => &[],
        };
        if attributes.iter().any(is_for_tests) {
            return;
        }
        // A module that is written out has one step more to go up.
        if let Item::Mod(item) = item {
            self.module.push(item.ident.to_string());
            visit::visit_item_mod(self, item);
            self.module.pop();
            return;
        }
        visit::visit_item(self, item);
    }

    fn visit_item_use(&mut self, item: &ItemUse) {
        self.add_tree(&item.tree, &mut Vec::new());
    }

    fn visit_path(&mut self, path: &Path) {
        let steps: Vec<String> = path.segments.iter().map(|step| step.ident.to_string()).collect();
        if steps.len() > 1 {
            self.add(&steps);
        }
        visit::visit_path(self, path);
    }
}

/// `#[cfg(test)]`, `#[cfg(all(test, …))]`.
fn is_for_tests(attribute: &Attribute) -> bool {
    let Meta::List(list) = &attribute.meta else { return false };
    let tokens = list.tokens.to_string();
    attribute.path().is_ident("cfg") && (tokens == "test" || tokens.starts_with("all (test"))
}
