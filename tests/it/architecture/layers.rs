//! The layers of the control plane: a file of `src/admin/` imports from the layers below its own, or from its own folder.

use super::imports::{absolute, paths};
use super::sources;

/// Folders and files of `src/admin/`, from below. Those of one layer do not know each other.
const LAYERS: [&[&str]; 7] = [
    &["state"],
    &["http"],
    &["operations", "v1"],
    &["ask"],
    &["edge", "mcp", "pages", "webhooks"],
    &["router"],
    &["listener"],
];

#[test]
fn the_control_plane_has_layers() {
    let (mut offences, mut looked_at) = (Vec::new(), 0);
    for file in &sources() {
        let module: Vec<&str> = file.module.iter().map(String::as_str).collect();
        let ["admin", own, ..] = module[..] else { continue };
        looked_at += 1;
        for path in paths(&file.code, &["crate", "super"]) {
            match absolute(&module, &path)[..] {
                ["admin", other, ..] if other != own && layer(other) >= layer(own) => {
                    offences.push(format!("src/{}: {own} may not import from {other}", file.path));
                }
                _ => {}
            }
        }
    }
    assert!(looked_at > 50, "the control plane was found");
    assert!(offences.is_empty(), "\n{}", offences.join("\n"));
}

/// The place of a module's layer; a module without one is above all.
fn layer(module: &str) -> usize {
    LAYERS.iter().position(|names| names.contains(&module)).unwrap_or(LAYERS.len())
}
