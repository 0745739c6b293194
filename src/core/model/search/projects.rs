//! Projects that a query names beside a number: `shop/pay#20`, `#20 in shop/pay`, and an address.
//!
//! Each project counts its own requests, so a number is a change of that one. A project that no repository bears the name of says
//! nothing: many a product is built into images of other names.

use super::index::{DocumentId, Index};
use super::words::{Token, is_of_project, number, project, tokens};

/// The projects of a query.
#[derive(Debug, Default)]
pub(super) struct Projects {
    /// Of single numbers.
    of: Vec<(u64, String)>,
    /// Of all others.
    named: Vec<String>,
}

impl Projects {
    /// The projects that `text` names, and the text without those that stand on their own.
    pub(super) fn read(text: &str, index: &Index) -> (Self, String) {
        let mut projects = Self::default();
        let is_number = |token: &Token| match token {
            Token::Number(_) => true,
            Token::Word(word) => word.bytes().all(|byte| byte.is_ascii_digit()),
            _ => false,
        };
        if !text.contains('/') || !tokens(text).iter().any(is_number) {
            return (projects, text.to_owned());
        }
        let mut kept = Vec::new();
        for piece in text.split_whitespace() {
            let bare = piece.trim_matches(|letter: char| "()[]<>.,;:?!'\"`".contains(letter));
            let of_number = number(bare).zip(project(bare));
            let lower = bare.to_lowercase();
            if let Some(of_number) = of_number.filter(|(_, project)| index.has_project(project)) {
                projects.of.push(of_number);
            } else if lower.contains('/') && index.has_project(&lower) {
                projects.named.push(lower);
                continue;
            }
            kept.push(piece);
        }
        (projects, kept.join(" "))
    }

    /// Leaves the documents of the projects that a number is said to be of, and the same changes in other repositories.
    pub(super) fn narrow(&self, index: &Index, number: u64, documents: &mut Vec<(DocumentId, u8)>) {
        let mut of: Vec<&str> =
            self.of.iter().filter(|(of, _)| *of == number).map(|(_, project)| project.as_str()).collect();
        if of.is_empty() {
            of.extend(self.named.iter().map(String::as_str));
        }
        if of.is_empty() {
            return;
        }
        let document = |id: DocumentId| &index.documents[id as usize];
        let own: Vec<_> = documents
            .iter()
            .map(|&(id, _)| document(id))
            .filter(|document| {
                let repository = index.repositories[document.repository as usize].as_str();
                of.iter().any(|project| is_of_project(repository, project))
            })
            .map(|document| (document.repository, document.key.title, document.key.pr))
            .collect();
        documents.retain(|&(id, _)| {
            let document = document(id);
            own.iter().any(|&(repository, title, pr)| {
                let is_same = pr.is_some() && (title, pr) == (document.key.title, document.key.pr);
                repository == document.repository || is_same
            })
        });
    }
}

impl Index {
    fn has_project(&self, project: &str) -> bool {
        self.repositories.iter().any(|repository| is_of_project(repository.as_str(), project))
    }
}
