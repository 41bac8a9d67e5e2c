//! The rooms of the core: each uses only rooms above it in the list, no file lies loose, and there are no circles.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Ground floor first. `error` has the errors of the rooms before it, and those after it use it.
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

/// Files that belong to no room: the list of rooms, and examples for unit tests.
const OUTSIDE: [&str; 2] = ["lib.rs", "example.rs"];

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
    found
}

/// The rooms that a text names in paths, `crate::<room>`, tests at its end left out.
fn used(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let code = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let names = code.split("crate::").skip(1).map(|rest| {
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        rest[..end].to_owned()
    });
    names.filter(|name| ROOMS.contains(&name.as_str())).collect()
}

#[test]
fn each_room_uses_only_rooms_above_it() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut loose, mut upward) = (Vec::new(), Vec::new());
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in files(&source) {
        let place = path.strip_prefix(&source).unwrap().to_string_lossy().into_owned();
        let room = place.split(['/', '.']).next().unwrap().to_owned();
        if OUTSIDE.contains(&place.as_str()) || place.ends_with("tests.rs") {
            continue;
        }
        let Some(floor) = ROOMS.iter().position(|name| *name == room) else {
            loose.push(place);
            continue;
        };
        for other in used(&std::fs::read_to_string(&path).unwrap()) {
            if ROOMS.iter().position(|name| *name == other).unwrap() > floor {
                upward.push(format!("{place} -> {other}"));
            }
            arrows.entry(room.clone()).or_default().insert(other);
        }
    }
    let reaches = |from: &str, to: &str| {
        let (mut seen, mut waiting) = (BTreeSet::new(), vec![from.to_owned()]);
        while let Some(room) = waiting.pop() {
            for next in arrows.get(&room).into_iter().flatten().filter(|next| **next != room) {
                if next == to {
                    return true;
                }
                if seen.insert(next.clone()) {
                    waiting.push(next.clone());
                }
            }
        }
        false
    };
    let circles: Vec<&str> = ROOMS.into_iter().filter(|room| reaches(room, room)).collect();
    println!("rooms: {} circles, {} arrows upward, {} loose files", circles.len(), upward.len(), loose.len());
    assert!(circles.is_empty() && upward.is_empty() && loose.is_empty(), "{circles:?} {upward:#?} {loose:?}");
}
