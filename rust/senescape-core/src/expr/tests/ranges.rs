//! Powers with known exponents, and ranges of operations over all kinds of intervals.

use super::*;

/// A power becomes products once parameters have values; its range does not depend on that.
#[test]
fn powers_are_products_where_their_exponents_are_small_and_whole() {
    let nodes = vec![
        Node::Input { input: Input::Trait(0) },
        Node::Param { index: 0 },
        Node::Binary { f: Binary::Pow, x: 0, y: 1 },
    ];
    let program = Program::compile(&Graph { nodes }, &[2]).unwrap();
    for exponent in [-2.0, -1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0] {
        let bound = program.bind(&[exponent]);
        for x in [0.3_f32, 1.7, 2.5, -1.3] {
            let exact = f64::from(x).powf(exponent);
            let mut values = bound.frame();
            values.input_mut(0)[0] = x;
            bound.values(&mut values, 1);
            let (value, (low, high)) = (f64::from(values.output(0)[0]), range(&bound, &[(x, x)]));
            let mut single = [0.0];
            bound.scalar(&[f64::from(x)], &mut single, &mut Vec::new());
            let near = |v: f64, slack: f64| (v - exact).abs() <= slack * exact.abs() || (v.is_nan() && exact.is_nan());
            assert!(near(value, 1e-6) && near(single[0], 1e-13), "{x}^{exponent}: {value} {} {exact}", single[0]);
            let tight = f64::from(low) >= exact - 1e-6 * exact.abs() && f64::from(high) <= exact + 1e-6 * exact.abs();
            let given_up = low.is_nan() || high.is_nan();
            assert!(tight || (given_up && x < 0.0), "{x}^{exponent} in [{low}, {high}]");
        }
    }
}

const ENDS: [f32; 9] = [f32::NEG_INFINITY, -2.0, -0.7, 0.0, 0.6, 1.0, 2.0, 2.6, f32::INFINITY];

/// Return all intervals between ends, points among them.
fn intervals() -> Vec<(f32, f32)> {
    ENDS.iter().enumerate().flat_map(|(i, low)| ENDS[i..].iter().map(|high| (*low, *high))).collect()
}

/// Return values of an interval: its ends, all other ends that lie in it, and `n` points between.
fn samples((low, high): (f32, f32), n: u16) -> Vec<f32> {
    let part = |i: u16| f32::from(i + 1) / f32::from(n + 1);
    let between = (0..n).map(|i| low.max(-9.0) + (high.min(9.0) - low.max(-9.0)) * part(i));
    let all = ENDS.into_iter().chain(between).filter(|x| low <= *x && *x <= high);
    all.chain([low, high]).collect()
}

/// Return the range of the last node of a graph over boxes, and its values at samples of them.
fn range_and_values(graph: &Graph, boxes: &[(f32, f32)]) -> ((f32, f32), Vec<f32>) {
    let bound = last(graph);
    let mut frame = bound.frame();
    let points: Vec<Vec<f32>> =
        boxes.iter().map(|ends| samples(*ends, if boxes.len() == 1 { 40 } else { 2 })).collect();
    let mut all: Vec<Vec<f32>> = points[0].iter().map(|x| vec![*x]).collect();
    if let Some(more) = points.get(1) {
        all = all.iter().flat_map(|x| more.iter().map(|y| vec![x[0], *y])).collect();
    }
    let mut values = Vec::new();
    for lanes in all.chunks(LANES) {
        for (lane, point) in lanes.iter().enumerate() {
            for (i, x) in point.iter().enumerate() {
                frame.input_mut(i)[lane] = *x;
            }
        }
        bound.values(&mut frame, lanes.len());
        values.extend_from_slice(&frame.output(0)[..lanes.len()]);
    }
    (range(&bound, boxes), values)
}

/// A range holds all values, and is no wider than they are spread. Where a value is undefined, an end is NaN.
#[test]
fn the_range_of_an_operation_is_that_of_its_values() {
    let input = |i| Node::Input { input: Input::Trait(i) };
    let unary = UNARY.map(|f| (Graph { nodes: vec![input(0), Node::Unary { f, x: 0 }] }, 1));
    let power = [Node::Const { value: 3.0 }, Node::Binary { f: Binary::Pow, x: 0, y: 1 }];
    let cube = Graph { nodes: [vec![input(0)], power.to_vec()].concat() };
    let binary = BINARY.map(|f| (Graph { nodes: vec![input(0), input(1), Node::Binary { f, x: 0, y: 1 }] }, 2));
    let share = [Node::Binary { f: Binary::Add, x: 0, y: 1 }, Node::Binary { f: Binary::Div, x: 0, y: 2 }];
    let share = Graph { nodes: [vec![input(0), input(1)], share.to_vec()].concat() };
    for (graph, operands) in unary.into_iter().chain([(cube, 1)]).chain(binary).chain([(share.clone(), 2)]) {
        let first = intervals();
        let second = if operands == 2 { intervals() } else { vec![(0.0, 0.0)] };
        for boxes in first.iter().flat_map(|x| second.iter().map(|y| [*x, *y])) {
            let ((low, high), values) = range_and_values(&graph, &boxes[..operands]);
            let told = |what: &str| format!("{what}: {:?} {boxes:?} gives [{low}, {high}]", graph.nodes.last());
            if values.iter().any(|v| v.is_nan()) {
                assert!(low.is_nan() || high.is_nan(), "{}", told("an undefined value"));
                continue;
            }
            let least = values.iter().copied().fold(f32::INFINITY, f32::min);
            let most = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            // Only ranges with infinite ends, and of powers of negative numbers, may be undefined without need.
            let finite =
                boxes.iter().all(|(l, h)| l.is_finite() && h.is_finite()) && least.is_finite() && most.is_finite();
            if low.is_nan() || high.is_nan() {
                let pow = matches!(graph.nodes.last(), Some(Node::Binary { f: Binary::Pow, .. }));
                let part = graph.nodes.len() == share.nodes.len();
                assert!(!finite || pow || part, "{}", told("given up"));
                continue;
            }
            assert!(low <= least && most <= high, "{} holding {least} to {most}", told("too narrow"));
            // Negative powers jump at zero, and a ratio is monotone only where it lies between 0 and 1.
            let jump = matches!(graph.nodes.last(), Some(Node::Binary { f: Binary::Pow, .. }))
                && boxes[0].0 == 0.0
                && boxes[1].0 < 0.0;
            let no_share = graph.nodes.len() == share.nodes.len() && boxes.iter().any(|(low, _)| *low < 0.0);
            if finite && !jump && !no_share {
                let near = |a: f32, b: f32| (a - b).abs() <= 2e-2 * (1.0 + b.abs());
                assert!(near(low, least) && near(high, most), "{} for {least} to {most}", told("too wide"));
            }
        }
    }
}

/// Whatever may be undefined stays so, except in comparisons, which are true or false.
#[test]
fn an_undefined_operand_is_passed_on() {
    let input = |i| Node::Input { input: Input::Trait(i) };
    let nan = f32::NAN;
    for unknown in [(nan, nan), (nan, 2.0), (0.5, nan)] {
        for f in UNARY {
            let graph = Graph { nodes: vec![input(0), Node::Unary { f, x: 0 }] };
            let (low, high) = range(&last(&graph), &[unknown]);
            let compared = f == Unary::Not && (low, high) == (0.0, 1.0);
            assert!(compared || low.is_nan() || high.is_nan(), "{f:?} {unknown:?}: [{low}, {high}]");
        }
        for (f, known, swap) in BINARY.into_iter().flat_map(|f| {
            [(0.5, 2.0), (2.5, 3.0), (0.5, 0.5), (-3.0, -2.0), (0.0, 0.0), (1.0, 1.0)]
                .into_iter()
                .flat_map(move |known| [(f, known, false), (f, known, true)])
        }) {
            let graph = Graph { nodes: vec![input(0), input(1), Node::Binary { f, x: 0, y: 1 }] };
            let boxes = if swap { [known, unknown] } else { [unknown, known] };
            let (low, high) = range(&last(&graph), &boxes);
            let compares = matches!(f, Binary::Lt | Binary::Le | Binary::Gt | Binary::Ge | Binary::Eq | Binary::Ne);
            let joins = matches!(f, Binary::And | Binary::Or);
            if compares {
                assert_eq!((low, high), (0.0, 1.0), "{f:?} {unknown:?} {known:?} {swap}");
            } else {
                assert!(joins || low.is_nan() || high.is_nan(), "{f:?} {unknown:?} {known:?} {swap}: [{low}, {high}]");
            }
        }
    }
}
