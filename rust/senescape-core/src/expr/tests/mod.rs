//! Random programs over every operation: intervals hold values, levels of CPU features agree to the bit, and double
//! precision agrees with single.

mod compilation;
mod ranges;

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

/// Return a graph from raw choices: the inputs, a few constants and two parameters, then one node for each choice.
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

/// Return boxes for the inputs: a centre and a width each, among them points and boxes around 0.
fn boxes() -> impl Strategy<Value = [(f32, f32); INPUTS]> {
    let end = prop_oneof![Just(0.0_f32), -3.0_f32..3.0, 0.0_f32..1e-3, 0.0_f32..50.0];
    let width = prop_oneof![Just(0.0_f32), 0.0_f32..0.1, 0.0_f32..5.0];
    prop::array::uniform5((end, width).prop_map(|(low, width)| (low, low + width)))
}

fn bind(graph: &Graph) -> (Program, BoundProgram) {
    let roots: Vec<NodeId> = (0..graph.nodes.len() as NodeId).collect();
    let program = Program::compile(graph, &roots).unwrap();
    let bound = program.bind(&[1.5, 0.25]);
    (program, bound)
}

/// Return which of the inputs each input of the program is.
fn which(program: &Program) -> Vec<usize> {
    let number = |input: &Input| match input {
        Input::Trait(i) => usize::from(*i),
        Input::Time => INPUTS - 1,
        other => unreachable!("{other:?}"),
    };
    program.inputs().iter().map(number).collect()
}

/// Set a lane of the program's input `i` to a value at a fraction of its box, and set the box.
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
            // The sign and payload of a NaN may differ.
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

/// Return what an operation means, by the standard library. Truth is 1, and falsehood 0.
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

/// Compile the last node of a graph, without parameters.
fn last(graph: &Graph) -> BoundProgram {
    Program::compile(graph, &[graph.nodes.len() as NodeId - 1]).unwrap().bind(&[])
}

/// Return the range of the only output over one box.
fn range(bound: &BoundProgram, boxes: &[(f32, f32)]) -> (f32, f32) {
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
