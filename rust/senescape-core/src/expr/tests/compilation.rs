//! What the compiler shares, drops, splits off, refuses and computes in double precision.

use super::*;

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

/// Quotients of powers are finite even where the powers themselves overflow, however the rule writes them.
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

/// Values that follow from the time alone keep fractions of a second after a hundred years.
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
