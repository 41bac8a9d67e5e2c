//! Random programs over every operation: intervals hold values, levels of CPU features agree to the bit, and double
//! precision agrees with single.

use super::*;
use proptest::prelude::*;

const INPUTS: u16 = 4;

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

/// A graph from raw choices: four inputs, a few constants and two parameters, then one node for each choice.
fn graph(choices: &[(u8, u8, u16, u16, u16)]) -> Graph {
    let mut nodes: Vec<Node> = (0..INPUTS).map(|i| Node::Input { input: Input::Trait(i) }).collect();
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
fn boxes() -> impl Strategy<Value = [(f32, f32); INPUTS as usize]> {
    let end = prop_oneof![Just(0.0_f32), -3.0_f32..3.0, 0.0_f32..1e-3, 0.0_f32..50.0];
    let width = prop_oneof![Just(0.0_f32), 0.0_f32..0.1, 0.0_f32..5.0];
    prop::array::uniform4((end, width).prop_map(|(low, width)| (low, low + width)))
}

fn bind(graph: &Graph) -> (Program, Bound) {
    let roots: Vec<NodeId> = (0..graph.nodes.len() as NodeId).collect();
    let program = Program::compile(graph, &roots).unwrap();
    let bound = program.bind(&[1.5, 0.25]);
    (program, bound)
}

/// Which of the four inputs each input of the program is.
fn which(program: &Program) -> Vec<usize> {
    let number = |input: &Input| if let Input::Trait(i) = input { usize::from(*i) } else { unreachable!() };
    program.inputs().iter().map(number).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn intervals_hold_values(graph in programs(), boxes in boxes(), shares in prop::array::uniform32(0.0_f32..=1.0)) {
        let (program, bound) = bind(&graph);
        let (mut values, mut intervals) = (bound.frame(), bound.interval_frame());
        for (i, input) in which(&program).into_iter().enumerate() {
            let (low, high) = boxes[input];
            for lane in 0..LANES {
                // Ends, and points between that differ from input to input.
                let share = [0.0, 1.0].get(lane % 7).copied().unwrap_or(shares[(lane + 11 * input) % 32]);
                values.input_mut(i)[lane] = (low + share * (high - low)).clamp(low, high);
                let (l, h) = intervals.input_mut(i);
                (l[lane], h[lane]) = (low, high);
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
                let (low, high) = boxes[input];
                for lane in 0..LANES {
                    values.input_mut(i)[lane] = low + (high - low) * lane as f32 / LANES as f32;
                    let (l, h) = intervals.input_mut(i);
                    (l[lane], h[lane]) = (low, high);
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

#[test]
fn double_precision_agrees_with_single_on_each_operation() {
    for (f, x) in UNARY.into_iter().flat_map(|f| [0.3, 0.9, 1.7].map(|x| (f, x))) {
        let graph = Graph { nodes: vec![Node::Input { input: Input::Trait(0) }, Node::Unary { f, x: 0 }] };
        compare(&graph, &[x]);
    }
    for (f, x) in BINARY.into_iter().flat_map(|f| [0.3, 0.9, 1.7].map(|x| (f, x))) {
        let inputs = [0, 1].map(|i| Node::Input { input: Input::Trait(i) });
        let graph = Graph { nodes: vec![inputs[0], inputs[1], Node::Binary { f, x: 0, y: 1 }] };
        compare(&graph, &[x, 1.3]);
    }
}

fn compare(graph: &Graph, inputs: &[f64]) {
    let root = graph.nodes.len() as NodeId - 1;
    let program = Program::compile(graph, &[root]).unwrap();
    let bound = program.bind(&[]);
    let mut frame = bound.frame();
    for (i, x) in inputs.iter().enumerate() {
        frame.input_mut(i)[0] = *x as f32;
    }
    bound.values(&mut frame, 1);
    let mut out = [0.0];
    bound.scalar(inputs, &mut out, &mut Vec::new());
    let single = f64::from(frame.output(0)[0]);
    assert!(
        (single - out[0]).abs() <= 4e-6 * (1.0 + out[0].abs()),
        "{:?}: {single} {}",
        graph.nodes[root as usize],
        out[0]
    );
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
fn a_saturating_ratio_keeps_a_tight_range() {
    let nodes = vec![
        Node::Input { input: Input::Trait(0) },
        Node::Const { value: 1.0 },
        Node::Binary { f: Binary::Add, x: 0, y: 1 },
        Node::Binary { f: Binary::Div, x: 0, y: 2 },
    ];
    let bound = Program::compile(&Graph { nodes }, &[3]).unwrap().bind(&[]);
    let mut frame = bound.interval_frame();
    let (low, high) = frame.input_mut(0);
    (low[0], high[0]) = (0.5, 3.0);
    bound.bounds(&mut frame, 1);
    let (low, high) = frame.output(0);
    assert!((low[0] - 1.0 / 3.0).abs() < 1e-6 && (high[0] - 0.75).abs() < 1e-6, "{} {}", low[0], high[0]);
}

#[test]
fn bad_graphs_are_refused_by_node() {
    let dims = Dims { traits: 1, ..Dims::default() };
    let check = |nodes: Vec<Node>| Graph { nodes }.check(&dims, &Limits { nodes: 3 }).unwrap_err().to_string();
    assert!(check(vec![Node::Unary { f: Unary::Exp, x: 0 }]).contains("node 0 uses node 0"));
    assert!(check(vec![Node::Input { input: Input::Trait(4) }]).contains("reads trait 4"));
    assert!(check(vec![Node::Const { value: f64::INFINITY }]).contains("must be finite"));
    assert!(check(vec![Node::Const { value: 0.0 }; 4]).contains("over the limit of 3"));
    assert!(Program::compile(&Graph { nodes: vec![] }, &[0]).is_err());
}
