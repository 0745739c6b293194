//! Commands that documents, pages and answers tell people to run: each is one, and those of the README run as they are.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use clap::Parser as _;
use clap::error::ErrorKind;
use landfall::cli::Cli;
use serde_json::json;

use crate::admin_support::{Server, digest};
use crate::rig::directory;
use crate::rig::git::Repository;

/// Examples for the kinds of things that documents name.
const PLACEHOLDERS: [(&str, &str); 10] = [
    ("ENV", "production"),
    ("A", "production"),
    ("B", "staging"),
    ("NAME", "production"),
    ("NEW", "europe"),
    ("REPOSITORY", "shop/any"),
    ("R", "shop/any"),
    ("TIME", "yesterday"),
    ("N", "7"),
    ("COMMAND", "status"),
];
/// A value that a program fills in: a name, a number and an identifier alike.
const FILLED_IN: &str = "7";

/// Files below `folder` whose names end so.
fn files(folder: &Path, ends: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = entry.file_name().unwrap().to_str().unwrap();
        if entry.is_dir() && !["target", "tests"].contains(&name) && !name.starts_with('.') {
            found.extend(files(&entry, ends));
        } else if ends.iter().any(|end| name.ends_with(end)) {
            found.push(entry);
        }
    }
    found
}

/// The words of a line of a shell, up to a comment or to another command.
fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let (mut quote, mut is_open) = (None, false);
    for letter in line.chars() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(letter);
                words.extend((!is_open).then(String::new));
                is_open = true;
            }
            (None, '#') if !is_open => break,
            (None, '|' | ';' | '>') => break,
            (None, _) if letter.is_whitespace() => is_open = false,
            _ => {
                words.extend((!is_open).then(String::new));
                is_open = true;
                words.last_mut().unwrap().push(letter);
            }
        }
    }
    words
}

/// The commands of a Markdown document: indented lines, and code within a sentence. A table's `create\|list` is two.
fn of_markdown(text: &str) -> Vec<String> {
    let prose: String = text.split("```").step_by(2).collect();
    let lines = text.lines().map(|line| line.strip_prefix("    ").or(line.strip_prefix("$ ")));
    let lines = lines.flatten().filter(|line| line.starts_with("landfall ")).map(str::to_owned);
    let codes = prose.split('`').skip(1).step_by(2).filter(|code| code.starts_with("landfall "));
    let codes = codes.flat_map(|code| {
        let code = code.replace("\\|", "|").replace(['[', ']'], "");
        let several = code.split(' ').find(|word| word.contains('|') && word.len() > 1).map(str::to_owned);
        let Some(several) = several else { return vec![code] };
        several.split('|').map(|one| code.replace(&several, one)).collect()
    });
    lines.chain(codes).collect()
}

/// The commands of a program's text or a comment: from the program's name to where code, a line or a sentence ends.
fn of_text(text: &str) -> Vec<String> {
    let parts: Vec<&str> = text.split("landfall ").collect();
    let follows =
        parts.windows(2).filter(|pair| pair[0].ends_with(['`', ' ', '\n', '>'])).map(|pair| pair[1]);
    let ends = ['`', '\n', '<', ';', ')', '(', '—'];
    follows.filter_map(|rest| Some(format!("landfall {}", rest.split(ends).next()?.trim_end()))).collect()
}

/// The texts of a source file: lines that go on are one, and what the program fills in has a value.
fn texts(source: &str) -> String {
    let whole = source.split("\\\n").map(str::trim_start).collect::<String>();
    let whole = whole.replace("\\n", "\n").replace("\\\"", "\u{1}").replace('"', "\n").replace('\u{1}', "\"");
    filled(&filled(&filled(&whole, "{{", "}}"), "{%", "%}"), "{", "}")
}

/// The text with a value in the place of each gap; one that goes on without a space is none.
fn filled(text: &str, begin: &str, end: &str) -> String {
    let mut parts = text.split(begin);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |done, part| match part.split_once(end) {
        Some((gap, rest)) if !gap.contains('\n') => {
            let is_glued = rest.starts_with('-') || begin == "{" && rest.starts_with('{');
            let is_value = begin != "{%" && !is_glued;
            done + if is_value { FILLED_IN } else { "" } + rest
        }
        _ => done + begin + part,
    })
}

/// The reason why this is no command; none where it is one, or names one without its arguments in a sentence.
fn fault(line: &str) -> Option<String> {
    let digest = digest(1).to_string();
    let filled = line.replace("sha256:…", &digest).replace("--digest 7", &format!("--digest {digest}"));
    let mut words = words(&filled);
    // An ellipsis leaves out what the sentence is not about, and a usage is a form.
    if words.iter().any(|word| ["…", "[OPTIONS]"].contains(&&**word)) {
        return None;
    }
    for word in &mut words {
        let value = PLACEHOLDERS.iter().find(|(name, _)| name == word).map(|(_, value)| (*value).to_owned());
        *word = value.unwrap_or_else(|| word.clone());
    }
    // An address that a text leaves out is one.
    for place in 1..words.len() {
        if words[place - 1] == "--hub" && words[place] == "7" {
            words[place] = "https://landfall.example:8081".to_owned();
        }
    }
    let error = Cli::try_parse_from(&words).err()?;
    // A sentence may name a command alone, or with the option that it is about.
    let is_name = words.iter().rev().skip(1).all(|word| !word.starts_with('-'));
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => None,
        ErrorKind::MissingRequiredArgument
        | ErrorKind::MissingSubcommand
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        | ErrorKind::InvalidValue
            if is_name && !error.to_string().contains("invalid value") =>
        {
            None
        }
        _ => Some(format!("`{line}`: {error}")),
    }
}

#[test]
fn every_command_that_is_told_is_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut told: Vec<(PathBuf, String)> = Vec::new();
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    for path in files(root, &[".md"]) {
        told.extend(of_markdown(&read(&path)).into_iter().map(|line| (path.clone(), line)));
    }
    for path in files(&root.join("deploy"), &[".yaml", ".yml", ".toml", ".service", "Dockerfile"]) {
        told.extend(of_text(&read(&path)).into_iter().map(|line| (path.clone(), line)));
    }
    for path in files(&root.join("src"), &[".rs", ".html"]) {
        if !path.ends_with("tests.rs") {
            told.extend(of_text(&texts(&read(&path))).into_iter().map(|line| (path.clone(), line)));
        }
    }
    let is_command = |line: &str| {
        let name = line.split(' ').nth(1).unwrap_or_default();
        let asked = Cli::try_parse_from(["landfall", name]).err();
        asked.is_none_or(|error| error.kind() != ErrorKind::InvalidSubcommand)
    };
    // A sentence may have the program's name and go on with a verb; a document's code may not.
    told.retain(|(path, line)| path.extension().is_some_and(|end| end == "md") || is_command(line));
    assert!(told.len() > 150, "{}", told.len());
    let faults: Vec<String> = told
        .iter()
        .filter_map(|(path, line)| {
            Some(format!("{}: {}", path.strip_prefix(root).unwrap().display(), fault(line)?))
        })
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn what_is_no_command_is_noticed() {
    for line in [
        "landfall frobnicate",
        "landfall release add --repository shop/web --verion v1",
        "landfall token create production --name x --kind none",
        "landfall admin-token create --kind publisher",
    ] {
        assert!(fault(line).is_some(), "{line}");
    }
    assert_eq!(of_markdown("x\n\n    landfall status    # all\n\n`landfall env create\\|list`").len(), 3);
    assert_eq!(
        words("landfall ask \"is it, 'x'?\" --json # no"),
        ["landfall", "ask", "is it, 'x'?", "--json"]
    );
}

/// Runs a line of the README in `folder`, as the administrator of this server.
async fn run(server: &Server, folder: &Path, words: &[String]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
    command.args(&words[1..]).current_dir(folder).stdin(Stdio::null());
    command.env("LANDFALL_ADMIN", &server.url).env("LANDFALL_ADMIN_TOKEN", &server.token);
    // The server runs on this test's thread, which must stay free.
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

#[tokio::test]
async fn the_readme_s_commands_run_as_they_are() {
    let (server, dir, source) = (Server::start().await, directory(), Repository::new());
    source.commit("feat: a shop");
    source.git(&["tag", "v1.4.0"]);
    server.environment("staging").await;
    let other = json!({"repository": "shop/cart", "version": "v1.0.0", "digest": digest(3).to_string()});
    let other = server.post("/api/v1/releases", other).await.json()["id"].as_str().unwrap().to_owned();
    for folder in ["backups", "lib"] {
        std::fs::create_dir(dir.path().join(folder)).unwrap();
    }
    let below = dir.path().to_str().unwrap();
    let readme = include_str!("../../README.md");
    let lines = readme.lines().filter_map(|line| line.strip_prefix("    "));
    let mut ran = 0;
    // These want a configuration of their own; `replicas` tests the second over a real stream.
    let is_elsewhere =
        |line: &str| ["landfall serve", "landfall share"].iter().any(|it| line.starts_with(it));
    for line in lines.filter(|line| line.starts_with("landfall ") && !is_elsewhere(line)) {
        let line = line.replace("sha256:…", &digest(1).to_string()).replace(" ID ", &format!(" {other} "));
        let line = line.replace("/var/", &format!("{below}/"));
        if line.starts_with("landfall salvage") {
            // The other way out, in its place.
            std::fs::remove_dir_all(format!("{below}/lib/landfall.new")).unwrap();
        }
        let output = run(&server, source.dir.path(), &words(&line)).await;
        let stderr = String::from_utf8_lossy(&output.stderr);
        // No cluster is here to be told, and no pull came that a fix is live by.
        let may_say_no = ["landfall deploy", "landfall verify"].iter().any(|it| line.starts_with(it));
        let code = output.status.code();
        assert!(code == Some(0) || may_say_no && code == Some(1), "{line}: {code:?}: {stderr}");
        ran += 1;
    }
    assert!(ran > 14, "{ran}");
    server.stop().await;
}
