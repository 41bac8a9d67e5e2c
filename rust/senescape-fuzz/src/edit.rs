//! Documents with a few errors in them, which raw bytes would hardly ever reach.

use arbitrary::Arbitrary;
use serde_json::Value;

/// One change of a document.
#[derive(Arbitrary, Clone, Debug)]
pub struct Edit {
    /// Which value, of all in the document.
    place: u16,
    what: What,
}

#[derive(Arbitrary, Clone, Debug)]
enum What {
    Remove,
    Null,
    Truth(bool),
    Small(i8),
    Whole(i64),
    Number(f64),
    /// One of the numbers that often cause errors.
    Special(u8),
    Text(String),
    /// Another value of the document.
    Copy(u16),
    /// One more of what a list holds.
    Again(u16),
    Many(u8),
    Empty,
}

const SPECIAL: [f64; 12] =
    [0.0, -0.0, 1e308, -1e308, 1e-308, 5e-324, 1e38, 3.5e38, 1e-45, 4_294_967_295.0, 9.0e15, 0.5];

/// Return all values that changes leave of a document.
pub fn edited(document: &Value, edits: &[Edit]) -> Value {
    let mut out = document.clone();
    for Edit { place, what } in edits {
        let count = count(&out);
        let place = usize::from(*place) % count;
        let other = |at: u16| nth(&out, &mut (usize::from(at) % count)).cloned().unwrap_or_default();
        let value = match what {
            What::Remove | What::Null => Value::Null,
            What::Truth(truth) => (*truth).into(),
            What::Small(n) => (*n).into(),
            What::Whole(n) => (*n).into(),
            What::Number(x) => (*x).into(),
            What::Special(which) => SPECIAL[usize::from(*which) % SPECIAL.len()].into(),
            What::Text(text) => text.as_str().into(),
            What::Copy(at) | What::Again(at) => other(*at),
            What::Many(_) | What::Empty => Value::Array(Vec::new()),
        };
        if let Some(target) = nth_mut(&mut out, &mut { place }) {
            change(target, what, value);
        }
    }
    out
}

fn change(target: &mut Value, what: &What, value: Value) {
    match (what, target) {
        (What::Again(at), Value::Array(list)) => list.insert(usize::from(*at) % (list.len() + 1), value),
        (What::Remove, Value::Array(list)) => drop(list.pop()),
        (What::Remove, Value::Object(map)) => {
            if let Some(key) = map.keys().next_back().cloned() {
                map.remove(&key);
            }
        }
        (What::Many(n), Value::Array(list)) => {
            if let Some(last) = list.last().cloned() {
                list.extend(std::iter::repeat_n(last, usize::from(*n)));
            }
        }
        (_, target) => *target = value,
    }
}

fn children(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Array(list) => Box::new(list.iter()),
        Value::Object(map) => Box::new(map.values()),
        _ => Box::new(std::iter::empty()),
    }
}

fn count(value: &Value) -> usize {
    1 + children(value).map(count).sum::<usize>()
}

fn nth<'a>(value: &'a Value, left: &mut usize) -> Option<&'a Value> {
    if *left == 0 {
        return Some(value);
    }
    *left -= 1;
    children(value).find_map(|child| {
        let size = count(child);
        if *left < size {
            nth(child, left)
        } else {
            *left -= size;
            None
        }
    })
}

fn nth_mut<'a>(value: &'a mut Value, left: &mut usize) -> Option<&'a mut Value> {
    if *left == 0 {
        return Some(value);
    }
    *left -= 1;
    let children: Box<dyn Iterator<Item = &mut Value>> = match value {
        Value::Array(list) => Box::new(list.iter_mut()),
        Value::Object(map) => Box::new(map.values_mut()),
        _ => return None,
    };
    for child in children {
        let size = count(child);
        if *left < size {
            return nth_mut(child, left);
        }
        *left -= size;
    }
    None
}
