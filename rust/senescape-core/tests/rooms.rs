//! The rooms of the core: each uses only those above it in a fixed order, and no file lies outside of a room.
//!
//! The paths in the sources are read as text: `crate::ROOM` in code is an arrow from the file's room to that room. Unit
//! tests are exempt, since they run whole examples whatever room they test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The rooms, ground floor first. `error.rs` counts as a room, because it names the errors of those above it.
const ROOMS: [&str; 11] = [
    "expr",
    "random",
    "kinetics",
    "error",
    "document",
    "model",
    "environment",
    "population",
    "recording",
    "thinning",
    "simulation",
];

/// Files that may lie outside of a room; `example.rs` is part of the unit tests.
const LOOSE: [&str; 3] = ["lib.rs", "error.rs", "example.rs"];

/// Arrows between rooms, each with the files that it comes from.
type Arrows = BTreeMap<(String, String), BTreeSet<String>>;

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Return all Rust files below a folder, as paths relative to `source()`.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            let relative = path.strip_prefix(source()).unwrap();
            found.push(relative.to_string_lossy().replace('\\', "/"));
        }
    }
    found.sort();
    found
}

/// Return the code of a file without comments and without the items that are compiled for tests only.
fn code(text: &str) -> String {
    let mut kept = String::new();
    let mut lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    while let Some(line) = lines.next() {
        if line.trim() != "#[cfg(test)]" {
            kept.push_str(line);
            kept.push('\n');
            continue;
        }
        // The item ends with a semicolon outside of braces, or with the brace that closes its first one.
        let mut depth = 0_i32;
        for line in lines.by_ref() {
            depth += i32::try_from(line.matches('{').count()).unwrap();
            depth -= i32::try_from(line.matches('}').count()).unwrap();
            let ends = line.trim_end();
            if depth == 0 && (ends.ends_with(';') || ends.ends_with('}')) {
                break;
            }
        }
    }
    kept
}

/// Return the first names of all paths that begin with `crate::`.
fn targets(code: &str) -> Vec<String> {
    let begins = code.match_indices("crate::").map(|(at, path)| &code[at + path.len()..]);
    begins.map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()).collect()
}

fn arrows() -> Arrows {
    let mut arrows = Arrows::new();
    for file in files(&source()) {
        let room = file.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
        let tests_only = file.ends_with("/tests.rs") || file.contains("/tests/") || file == "example.rs";
        if tests_only || file == "lib.rs" {
            continue;
        }
        let code = code(&std::fs::read_to_string(source().join(&file)).unwrap());
        let lists = code.contains("use crate::{") || code.contains("use super::super");
        assert!(!lists, "{file}: write one `use` a room, so that arrows can be read");
        let in_root = file.matches('/').count() == 1 && file.ends_with("/mod.rs");
        assert!(!(in_root && code.contains("super::")), "{file}: write `crate::` for what lies outside of the room");
        for target in targets(&code).into_iter().filter(|target| *target != room) {
            arrows.entry((room.clone(), target)).or_default().insert(file.clone());
        }
    }
    arrows
}

fn floor(room: &str) -> usize {
    ROOMS.iter().position(|known| *known == room).unwrap_or_else(|| panic!("{room} is not a room of the list"))
}

/// Return the rooms that lead back to themselves.
fn circles(arrows: &Arrows) -> Vec<String> {
    let reaches_itself = |room: &str| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![room.to_owned()]);
        while let Some(at) = next.pop() {
            for (_, to) in arrows.keys().filter(|(from, _)| *from == at) {
                if to == room {
                    return true;
                }
                if seen.insert(to.clone()) {
                    next.push(to.clone());
                }
            }
        }
        false
    };
    ROOMS.into_iter().filter(|room| reaches_itself(room)).map(str::to_owned).collect()
}

#[test]
fn rooms_use_only_rooms_above_them() {
    let arrows = arrows();
    assert!(arrows.len() > 20, "the arrows could not be read");
    let circles = circles(&arrows);
    let upward: Vec<_> = arrows.iter().filter(|((from, to), _)| floor(from) <= floor(to)).collect();
    let loose: Vec<_> =
        files(&source()).into_iter().filter(|file| !file.contains('/') && !LOOSE.contains(&file.as_str())).collect();
    println!("rooms: {} circles, {} arrows upward, {} loose files", circles.len(), upward.len(), loose.len());
    assert!(circles.is_empty() && upward.is_empty() && loose.is_empty(), "{circles:?} {upward:?} {loose:?}");
}

#[test]
fn arrows_are_read_from_code_alone() {
    let text = "use crate::expr::Node;\n// crate::model\n#[cfg(test)]\nmod tests {\n    use crate::simulation::Job;\n    \
                fn f() {\n    }\n}\nfn g() {\n    crate::error::guarded();\n}\n#[cfg(test)]\nuse crate::document::EventKind;\n\
                use crate::random::Draws;\n";
    assert_eq!(targets(&code(text)), ["expr", "error", "random"]);
    let arrow = |from: &str, to: &str| ((from.to_owned(), to.to_owned()), BTreeSet::new());
    let all = Arrows::from([arrow("model", "document"), arrow("document", "expr"), arrow("expr", "document")]);
    assert_eq!(circles(&all), ["expr", "document"]);
}
