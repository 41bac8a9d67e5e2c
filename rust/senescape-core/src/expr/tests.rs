//! Random programs over every operation: intervals hold values, levels of CPU features agree to the bit, and double
//! precision agrees with single.

use super::*;
use proptest::prelude::*;

/// Traits, and the time after them.
const INPUTS: usize = 5;

const UNARY: [Unary; 20] = [
    Unary::Neg,
    Unary::Abs,
    Unary::Sqrt,
    Unary::Cbrt,
    Unary::Square,
    Unary::Reciprocal,
    Unary::Exp,
    Unary::Exp2,
    Unary::Expm1,
    Unary::Log,
    Unary::Log2,
    Unary::Log10,
    Unary::Log1p,
    Unary::Sin,
    Unary::Cos,
    Unary::Tanh,
    Unary::Floor,
    Unary::Ceil,
    Unary::Sign,
    Unary::Not,
];

const BINARY: [Binary; 15] = [
    Binary::Add,
    Binary::Sub,
    Binary::Mul,
    Binary::Div,
    Binary::Min,
    Binary::Max,
    Binary::Pow,
    Binary::Lt,
    Binary::Le,
    Binary::Gt,
    Binary::Ge,
    Binary::Eq,
    Binary::Ne,
    Binary::And,
    Binary::Or,
];

/// A graph from raw choices: the inputs, a few constants and two parameters, then one node for each choice.
fn graph(choices: &[(u8, u8, u16, u16, u16)]) -> Graph {
    let inputs = (0..INPUTS as u16 - 1).map(Input::Trait).chain([Input::Time]);
    let mut nodes: Vec<Node> = inputs.map(|input| Node::Input { input }).collect();
    nodes.extend([0.0, 1.0, 2.0, -0.5, 3.0].map(|value| Node::Const { value }));
    nodes.extend((0..2).map(|index| Node::Param { index }));
    for &(kind, f, x, y, z) in choices {
        let at = |i: u16| NodeId::from(i) % nodes.len() as NodeId;
        let (x, y, z) = (at(x), at(y), at(z));
        nodes.push(match kind % 8 {
            0..3 => Node::Unary { f: UNARY[usize::from(f) % UNARY.len()], x },
            3..7 => Node::Binary { f: BINARY[usize::from(f) % BINARY.len()], x, y },
            _ => Node::Where { c: x, x: y, y: z },
        });
    }
    Graph { nodes }
}

fn programs() -> impl Strategy<Value = Graph> {
    prop::collection::vec(any::<(u8, u8, u16, u16, u16)>(), 1..24).prop_map(|choices| graph(&choices))
}

/// Boxes for the inputs: a centre and a width each, among them points and boxes around 0.
fn boxes() -> impl Strategy<Value = [(f32, f32); INPUTS]> {
    let end = prop_oneof![Just(0.0_f32), -3.0_f32..3.0, 0.0_f32..1e-3, 0.0_f32..50.0];
    let width = prop_oneof![Just(0.0_f32), 0.0_f32..0.1, 0.0_f32..5.0];
    prop::array::uniform5((end, width).prop_map(|(low, width)| (low, low + width)))
}

fn bind(graph: &Graph) -> (Program, Bound) {
    let roots: Vec<NodeId> = (0..graph.nodes.len() as NodeId).collect();
    let program = Program::compile(graph, &roots).unwrap();
    let bound = program.bind(&[1.5, 0.25]);
    (program, bound)
}

/// Which of the inputs each input of the program is.
fn which(program: &Program) -> Vec<usize> {
    let number = |input: &Input| match input {
        Input::Trait(i) => usize::from(*i),
        Input::Time => INPUTS - 1,
        other => unreachable!("{other:?}"),
    };
    program.inputs().iter().map(number).collect()
}

/// Give a lane of the program's input `i` a value that is a share of the way through its box, and the box.
fn put(
    values: &mut Frame,
    intervals: &mut IntervalFrame,
    (i, lane): (usize, usize),
    input: usize,
    (low, high): (f32, f32),
    share: f32,
) {
    let value = (low + share * (high - low)).clamp(low, high);
    values.input_mut(i)[lane] = value;
    let (l, h) = intervals.input_mut(i);
    (l[lane], h[lane]) = (low, high);
    if input == INPUTS - 1 {
        if let Some(clock) = values.clock_mut() {
            clock[lane] = f64::from(value);
        }
        if let Some((l, h)) = intervals.clock_mut() {
            (l[lane], h[lane]) = (f64::from(low), f64::from(high));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn intervals_hold_values(graph in programs(), boxes in boxes(), shares in prop::array::uniform32(0.0_f32..=1.0)) {
        let (program, bound) = bind(&graph);
        let (mut values, mut intervals) = (bound.frame(), bound.interval_frame());
        for (i, input) in which(&program).into_iter().enumerate() {
            for lane in 0..LANES {
                // Ends, and points between that differ from input to input.
                let share = [0.0, 1.0].get(lane % 7).copied().unwrap_or(shares[(lane + 11 * input) % 32]);
                put(&mut values, &mut intervals, (i, lane), input, boxes[input], share);
            }
        }
        bound.values(&mut values, LANES);
        bound.bounds(&mut intervals, LANES);
        for output in 0..graph.nodes.len() {
            let (low, high) = intervals.output(output);
            for lane in 0..LANES {
                let (l, h, v) = (low[lane], high[lane], values.output(output)[lane]);
                // A NaN end says that the value may be undefined; the engine refuses it.
                prop_assert!(l.is_nan() || h.is_nan() || (l <= v && v <= h), "node {output} {:?}: {v} outside [{l}, {h}]", graph.nodes[output]);
            }
        }
    }

    #[test]
    fn every_level_gives_the_same_bits(graph in programs(), boxes in boxes(), n in 1..=LANES) {
        let (program, bound) = bind(&graph);
        let mut seen: Option<Vec<u32>> = None;
        for level in [Level::Baseline, Level::Avx2, Level::Avx512] {
            let bound = bound.clone().at_level(level.min(Level::best()));
            let (mut values, mut intervals) = (bound.frame(), bound.interval_frame());
            for (i, input) in which(&program).into_iter().enumerate() {
                for lane in 0..LANES {
                    put(&mut values, &mut intervals, (i, lane), input, boxes[input], lane as f32 / LANES as f32);
                }
            }
            bound.values(&mut values, n);
            bound.bounds(&mut intervals, n);
            // The sign and payload of a NaN are not part of the promise.
            let bits = |x: f32| if x.is_nan() { f32::NAN.to_bits() } else { x.to_bits() };
            let mut all = Vec::new();
            for output in 0..graph.nodes.len() {
                for lane in 0..n {
                    all.push(bits(values.output(output)[lane]));
                    all.push(bits(intervals.output(output).0[lane]));
                    all.push(bits(intervals.output(output).1[lane]));
                }
            }
            match &seen {
                None => seen = Some(all),
                Some(first) => prop_assert_eq!(first, &all),
            }
        }
    }
}

/// What an operation means, by the standard library; for a whole truth 1 and else 0.
fn meant(f: Unary, x: f64) -> f64 {
    match f {
        Unary::Neg => -x,
        Unary::Abs => x.abs(),
        Unary::Sqrt => x.sqrt(),
        Unary::Cbrt => x.cbrt(),
        Unary::Square => x * x,
        Unary::Reciprocal => 1.0 / x,
        Unary::Exp => x.exp(),
        Unary::Exp2 => x.exp2(),
        Unary::Expm1 => x.exp_m1(),
        Unary::Log => x.ln(),
        Unary::Log2 => x.log2(),
        Unary::Log10 => x.log10(),
        Unary::Log1p => x.ln_1p(),
        Unary::Sin => x.sin(),
        Unary::Cos => x.cos(),
        Unary::Tanh => x.tanh(),
        Unary::Floor => x.floor(),
        Unary::Ceil => x.ceil(),
        Unary::Sign => f64::from(i8::from(x > 0.0) - i8::from(x < 0.0)),
        Unary::Not => f64::from(x == 0.0),
    }
}

fn meant_by_two(f: Binary, x: f64, y: f64) -> f64 {
    match f {
        Binary::Add => x + y,
        Binary::Sub => x - y,
        Binary::Mul => x * y,
        Binary::Div => x / y,
        Binary::Min => x.min(y),
        Binary::Max => x.max(y),
        Binary::Pow => x.powf(y),
        Binary::Lt => f64::from(x < y),
        Binary::Le => f64::from(x <= y),
        Binary::Gt => f64::from(x > y),
        Binary::Ge => f64::from(x >= y),
        Binary::Eq => f64::from(x == y),
        Binary::Ne => f64::from(x != y),
        Binary::And => f64::from(x != 0.0 && y != 0.0),
        Binary::Or => f64::from(x != 0.0 || y != 0.0),
    }
}

/// Numbers that single precision has too.
const POINTS: [f64; 10] = [-24.0, -1.25, -1.0, -0.5, 0.0, 0.0625, 0.5, 1.0, 1.25, 24.0];

#[test]
fn each_operation_means_what_it_says_in_both_precisions() {
    let inputs = [0, 1].map(|i| Node::Input { input: Input::Trait(i) });
    for (f, x) in UNARY.into_iter().flat_map(|f| POINTS.map(|x| (f, x))) {
        let graph = Graph { nodes: vec![inputs[0], Node::Unary { f, x: 0 }] };
        compare(&graph, &[x], meant(f, x));
    }
    for (f, x, y) in BINARY.into_iter().flat_map(|f| POINTS.into_iter().flat_map(move |x| POINTS.map(|y| (f, x, y)))) {
        let graph = Graph { nodes: vec![inputs[0], inputs[1], Node::Binary { f, x: 0, y: 1 }] };
        compare(&graph, &[x, y], meant_by_two(f, x, y));
    }
    for (c, chosen) in [(0.0, -0.5), (1.0, 1.25), (-2.0, 1.25)] {
        let third = Node::Input { input: Input::Trait(2) };
        let graph = Graph { nodes: vec![inputs[0], inputs[1], third, Node::Where { c: 0, x: 1, y: 2 }] };
        compare(&graph, &[c, 1.25, -0.5], chosen);
    }
}

/// The last node of a graph, without parameters.
fn last(graph: &Graph) -> Bound {
    Program::compile(graph, &[graph.nodes.len() as NodeId - 1]).unwrap().bind(&[])
}

/// The range of the only output over one box.
fn range(bound: &Bound, boxes: &[(f32, f32)]) -> (f32, f32) {
    let mut frame = bound.interval_frame();
    for (i, ends) in boxes.iter().enumerate() {
        let (low, high) = frame.input_mut(i);
        (low[0], high[0]) = *ends;
    }
    bound.bounds(&mut frame, 1);
    let (low, high) = frame.output(0);
    (low[0], high[0])
}

fn compare(graph: &Graph, inputs: &[f64], meant: f64) {
    let bound = last(graph);
    let mut frame = bound.frame();
    for (i, x) in inputs.iter().enumerate() {
        frame.input_mut(i)[0] = *x as f32;
    }
    bound.values(&mut frame, 1);
    let mut out = [0.0];
    bound.scalar(inputs, &mut out, &mut Vec::new());
    let near = |found: f64, slack: f64| {
        found == meant || (found.is_nan() && meant.is_nan()) || (found - meant).abs() <= slack * (meant.abs() + 1e-3)
    };
    let single = f64::from(frame.output(0)[0]);
    let infinite = (meant as f32).is_infinite() && single.is_infinite();
    let told = format!("{:?} of {inputs:?}: {single} {} for {meant}", graph.nodes.last(), out[0]);
    assert!((infinite || near(single, 1e-6)) && near(out[0], 1e-12), "{told}");
}

/// A power is known when parameters are, and becomes products then; its range does not care.
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

/// All intervals between ends, points among them.
fn intervals() -> Vec<(f32, f32)> {
    ENDS.iter().enumerate().flat_map(|(i, low)| ENDS[i..].iter().map(|high| (*low, *high))).collect()
}

/// Values of an interval: its ends, all other ends that lie in it, and `n` points between.
fn samples((low, high): (f32, f32), n: u16) -> Vec<f32> {
    let part = |i: u16| f32::from(i + 1) / f32::from(n + 1);
    let between = (0..n).map(|i| low.max(-9.0) + (high.min(9.0) - low.max(-9.0)) * part(i));
    let all = ENDS.into_iter().chain(between).filter(|x| low <= *x && *x <= high);
    all.chain([low, high]).collect()
}

/// The range of the last node of a graph over boxes, and its values at samples of them.
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

/// A range holds all values, and is no wider than they are spread; where one is undefined, an end tells.
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
            // Infinite ends and powers of negative numbers may be given up on; nothing else.
            let finite =
                boxes.iter().all(|(l, h)| l.is_finite() && h.is_finite()) && least.is_finite() && most.is_finite();
            if low.is_nan() || high.is_nan() {
                let pow = matches!(graph.nodes.last(), Some(Node::Binary { f: Binary::Pow, .. }));
                let part = graph.nodes.len() == share.nodes.len();
                assert!(!finite || pow || part, "{}", told("given up"));
                continue;
            }
            assert!(low <= least && most <= high, "{} holding {least} to {most}", told("too narrow"));
            // Negative powers jump at zero, and a share is simple only where it is one.
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

/// What may be no number stays told, but for comparisons, which are true or false of it.
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

#[test]
fn equal_parts_are_shared_dead_ones_dropped_and_parameters_split_off() {
    // 2 k x / (k x + x) + (2 k x) * 1, and a dead sine.
    let nodes = vec![
        Node::Input { input: Input::Trait(0) },
        Node::Param { index: 0 },
        Node::Const { value: 2.0 },
        Node::Binary { f: Binary::Mul, x: 1, y: 2 },
        Node::Binary { f: Binary::Mul, x: 3, y: 0 },
        Node::Binary { f: Binary::Mul, x: 0, y: 3 },
        Node::Binary { f: Binary::Add, x: 5, y: 0 },
        Node::Binary { f: Binary::Div, x: 4, y: 6 },
        Node::Const { value: 1.0 },
        Node::Binary { f: Binary::Mul, x: 4, y: 8 },
        Node::Binary { f: Binary::Add, x: 7, y: 9 },
        Node::Unary { f: Unary::Sin, x: 0 },
    ];
    let program = Program::compile(&Graph { nodes }, &[10]).unwrap();
    insta::assert_snapshot!(program.listing(), @"
    f1 = 2.0
    f0 = param 0
    f2 = mul f0 f1
    r0 = f2
    r1 = input Trait(0)
    r2 = mul r1 r0
    r3 = ratio r2 r1
    r4 = add r2 r3
    output 0 = r4
    ");
}

#[test]
fn what_changes_nothing_is_left_out() {
    let nodes = vec![
        Node::Input { input: Input::Trait(0) },
        Node::Const { value: 0.0 },
        Node::Const { value: -0.0 },
        Node::Const { value: 1.0 },
        Node::Binary { f: Binary::Add, x: 0, y: 1 },
        Node::Binary { f: Binary::Add, x: 2, y: 4 },
        Node::Binary { f: Binary::Sub, x: 5, y: 1 },
        Node::Binary { f: Binary::Mul, x: 3, y: 6 },
        Node::Binary { f: Binary::Mul, x: 7, y: 3 },
        Node::Binary { f: Binary::Div, x: 8, y: 3 },
        Node::Binary { f: Binary::Sub, x: 1, y: 9 },
        Node::Binary { f: Binary::Max, x: 10, y: 2 },
    ];
    insta::assert_snapshot!(Program::compile(&Graph { nodes }, &[11]).unwrap().listing(), @"
    f0 = 0.0
    r0 = f0
    r1 = input Trait(0)
    r2 = sub r0 r1
    r3 = max r2 r0
    output 0 = r3
    ");
}

#[test]
fn a_saturating_ratio_keeps_a_tight_range() {
    let nodes = vec![
        Node::Input { input: Input::Trait(0) },
        Node::Const { value: 1.0 },
        Node::Binary { f: Binary::Add, x: 0, y: 1 },
        Node::Binary { f: Binary::Div, x: 0, y: 2 },
    ];
    let (low, high) = range(&last(&Graph { nodes }), &[(0.5, 3.0)]);
    assert!((low - 1.0 / 3.0).abs() < 1e-6 && (high - 0.75).abs() < 1e-6, "{low} {high}");
}

#[test]
fn bad_graphs_are_refused_by_node() {
    let dims = Dims { traits: 1, ..Dims::default() };
    let check = |nodes: Vec<Node>| Graph { nodes }.check(&dims, &Limits { nodes: 3 }).unwrap_err().to_string();
    assert!(check(vec![Node::Unary { f: Unary::Exp, x: 0 }]).contains("node 0 uses node 0"));
    assert!(check(vec![Node::Input { input: Input::Trait(4) }]).contains("reads trait 4"));
    assert!(check(vec![Node::Const { value: f64::INFINITY }]).contains("must be finite"));
    assert!(check(vec![Node::Const { value: 0.0 }; 4]).contains("over the limit of 3"));
    assert!(Graph { nodes: vec![Node::Const { value: 0.0 }; 3] }.check(&dims, &Limits { nodes: 3 }).is_ok());
    assert!(Program::compile(&Graph { nodes: vec![] }, &[0]).is_err());
}

/// Quotients of powers lie within range where the powers themselves do not, however the rule writes them.
#[test]
fn quotients_of_powers_keep_their_range() {
    let of = |nodes: &[Node], root: NodeId| {
        let program = Program::compile(&Graph { nodes: nodes.to_vec() }, &[root]).unwrap();
        move |x: f64, k: f64, n: f64| {
            let bound = program.bind(&[k, n]);
            let mut frame = bound.frame();
            frame.input_mut(0)[0] = x as f32;
            bound.values(&mut frame, 1);
            let (low, high) = range(&bound, &[(x as f32, x as f32)]);
            (frame.output(0)[0], low, high)
        }
    };
    let nodes = [
        Node::Input { input: Input::Trait(0) },
        Node::Param { index: 0 },
        Node::Param { index: 1 },
        Node::Binary { f: Binary::Pow, x: 0, y: 2 },
        Node::Binary { f: Binary::Pow, x: 1, y: 2 },
        Node::Binary { f: Binary::Add, x: 4, y: 3 },
        Node::Binary { f: Binary::Div, x: 3, y: 5 },
        Node::Binary { f: Binary::Div, x: 4, y: 5 },
        Node::Binary { f: Binary::Div, x: 3, y: 4 },
    ];
    let cases = [(6e-12, 5e-12, 4.0), (1.2e-9, 1e-9, 5.0), (1e4, 1e4, 10.0), (1e5, 9e4, 8.0), (2e-9, 1e-9, 3.5)];
    for (x, k, n) in cases {
        // Single precision rounds x itself.
        let power = (f64::from(x as f32) / k).powf(n);
        for (root, exact) in [(6, power / (1.0 + power)), (7, 1.0 / (1.0 + power)), (8, power)] {
            let (value, low, high) = of(&nodes, root)(x, k, n);
            let told = format!("node {root} of {x}, {k}, {n}: {value} in [{low}, {high}] for {exact}");
            assert!((f64::from(value) / exact - 1.0).abs() < 1e-6, "{told}");
            assert!(low <= value && value <= high && (high - low) / value < 1e-5, "{told}");
        }
    }
    assert_eq!(of(&nodes, 6)(0.0, 1e-9, 4.0).0, 0.0);
}

/// Rules of the time alone resolve fractions of a second after a hundred years.
#[test]
fn the_time_of_a_long_run_keeps_its_digits() {
    let nodes = vec![
        Node::Input { input: Input::Time },
        Node::Param { index: 0 },
        Node::Binary { f: Binary::Ge, x: 0, y: 1 },
        Node::Binary { f: Binary::Sub, x: 0, y: 1 },
        Node::Input { input: Input::Trait(0) },
        Node::Where { c: 2, x: 3, y: 4 },
    ];
    let program = Program::compile(&Graph { nodes }, &[5]).unwrap();
    let start = 1e6;
    let bound = program.bind(&[start]);
    let (mut frame, mut ends) = (bound.frame(), bound.interval_frame());
    let trait_input = program.inputs().iter().position(|input| *input == Input::Trait(0)).unwrap();
    frame.input_mut(trait_input)[..2].fill(-7.0);
    frame.clock_mut().unwrap()[..2].copy_from_slice(&[start - 1e-4, start + 1e-4]);
    bound.values(&mut frame, 2);
    assert_eq!(frame.output(0)[0], -7.0);
    assert!((frame.output(0)[1] - 1e-4).abs() < 1e-9);
    let (low, high) = ends.input_mut(trait_input);
    (low[0], high[0]) = (-7.0, -7.0);
    let (low, high) = ends.clock_mut().unwrap();
    (low[0], high[0]) = (start - 1.0, start - 1e-4);
    bound.bounds(&mut ends, 1);
    assert_eq!((ends.output(0).0[0], ends.output(0).1[0]), (-7.0, -7.0));
}
