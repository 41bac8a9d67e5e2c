//! The hazards of the treated tumour as a traced rule's program, and the same written by hand in Rust.
//!
//! Both take 64 cells at a time and are compiled for the same CPU features.
#![allow(missing_docs, clippy::unwrap_used)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use senescape_core::expr::{Binary, Graph, Input, LANES, Level, Node, NodeId, Program, Register, Unary};
use std::hint::black_box;

/// Traits in the order of their inputs; then time and the drug.
const TRAITS: usize = 9;
const INPUTS: usize = TRAITS + 2;

struct Builder(Vec<Node>);

impl Builder {
    fn push(&mut self, node: Node) -> NodeId {
        self.0.push(node);
        self.0.len() as NodeId - 1
    }

    fn constant(&mut self, value: f64) -> NodeId {
        self.push(Node::Const { value })
    }

    fn apply(&mut self, f: Binary, x: NodeId, y: NodeId) -> NodeId {
        self.push(Node::Binary { f, x, y })
    }
}

/// Return what tracing makes of the three rules.
fn traced() -> (Graph, [NodeId; 3]) {
    use Binary::{Add, Div, Mul, Sub};
    let mut b = Builder(Vec::new());
    let mut input = |input| b.push(Node::Input { input });
    let traits: Vec<NodeId> = (0..TRAITS as u16).map(|i| input(Input::Trait(i))).collect();
    let (time, drug) = (input(Input::Time), input(Input::Drug(0)));
    let [depth, bclxl, mcl1, pdl1, pdl2, gal9, mhc, nkg, lock] = traits.try_into().unwrap();
    let one = b.constant(1.0);

    let k = b.constant(0.02);
    let top = b.apply(Mul, k, bclxl);
    let top = b.apply(Mul, top, drug);
    let weight = b.constant(0.7);
    let guard = b.apply(Div, mcl1, weight);
    let guard = b.apply(Add, one, guard);
    let ec50 = b.constant(0.8);
    let guard = b.apply(Mul, ec50, guard);
    let bottom = b.apply(Add, drug, guard);
    let senolytic = b.apply(Div, top, bottom);

    let hundred = b.constant(100.0);
    let effectors = b.apply(Div, time, hundred);
    let effectors = b.apply(Add, one, effectors);
    let k = b.constant(0.0004);
    let x = b.apply(Mul, k, effectors);
    let x = b.apply(Mul, x, mhc);
    let half = b.constant(0.5);
    let y = b.apply(Add, mhc, half);
    let x = b.apply(Div, x, y);
    let ligands = b.apply(Add, pdl1, pdl2);
    let ligands = b.apply(Add, ligands, gal9);
    let y = b.constant(1.5);
    let inhibition = b.apply(Div, ligands, y);
    let inhibition = b.apply(Add, one, inhibition);
    let x = b.apply(Div, x, inhibition);
    let k = b.constant(0.0002);
    let killers = b.apply(Mul, k, nkg);
    let immune = b.apply(Add, x, killers);

    let gamma = b.constant(-3.0);
    let x = b.apply(Mul, gamma, depth);
    let x = b.push(Node::Unary { f: Unary::Exp, x });
    let h0 = b.constant(0.002);
    let x = b.apply(Mul, h0, x);
    let open = b.apply(Sub, one, lock);
    let escape = b.apply(Mul, x, open);
    (Graph { nodes: b.0 }, [senolytic, immune, escape])
}

type Blocks = Vec<[Register; INPUTS]>;

/// Return the rules as a Rust programmer would write them, with the standard library's exponential.
#[inline(always)]
fn hand(blocks: &Blocks, out: &mut [[Register; 3]]) {
    for (x, out) in blocks.iter().zip(out) {
        let [depth, bclxl, mcl1, pdl1, pdl2, gal9, mhc, nkg, lock, time, drug] = x;
        let [senolytic, immune, escape] = out;
        for i in 0..LANES {
            senolytic[i] = 0.02 * bclxl[i] * drug[i] / (drug[i] + 0.8 * (1.0 + mcl1[i] / 0.7));
            let inhibition = 1.0 + (pdl1[i] + pdl2[i] + gal9[i]) / 1.5;
            immune[i] = 0.0004 * (1.0 + time[i] / 100.0) * mhc[i] / (mhc[i] + 0.5) / inhibition + 0.0002 * nkg[i];
            escape[i] = 0.002 * (-3.0 * depth[i]).exp() * (1.0 - lock[i]);
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw")]
fn hand_avx512(blocks: &Blocks, out: &mut [[Register; 3]]) {
    hand(blocks, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn hand_avx2(blocks: &Blocks, out: &mut [[Register; 3]]) {
    hand(blocks, out);
}

fn rules(c: &mut Criterion) {
    let blocks: Blocks = (0..64)
        .map(|block| {
            std::array::from_fn(|input| {
                std::array::from_fn(|lane| 0.2 + ((block * 31 + input * 17 + lane * 7) % 101) as f32 / 50.0)
            })
        })
        .collect();
    let mut out = vec![[[0.0; LANES]; 3]; blocks.len()];
    let (graph, roots) = traced();
    let program = Program::compile(&graph, &roots).unwrap();
    let order: Vec<usize> = program
        .inputs()
        .iter()
        .map(|input| match *input {
            Input::Trait(i) => usize::from(i),
            Input::Time => TRAITS,
            _ => TRAITS + 1,
        })
        .collect();
    let bound = program.bind(&[]);
    let mut frame = bound.frame();
    let mut intervals = bound.interval_frame();
    let mut group = c.benchmark_group("hazards of 4096 cells");
    group.throughput(Throughput::Elements((blocks.len() * LANES) as u64));
    group.bench_function("by hand", |b| {
        b.iter(|| {
            let blocks = black_box(&blocks);
            match Level::best() {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: `Level::best` gives a level only where the CPU has its features.
                Level::Avx512 => unsafe { hand_avx512(blocks, &mut out) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                Level::Avx2 => unsafe { hand_avx2(blocks, &mut out) },
                _ => hand(blocks, &mut out),
            }
            black_box(&out);
        });
    });
    group.bench_function("traced", |b| {
        b.iter(|| {
            for block in black_box(&blocks) {
                for (i, &input) in order.iter().enumerate() {
                    *frame.input_mut(i) = block[input];
                }
                bound.values(&mut frame, LANES);
                black_box(frame.output(0));
            }
        });
    });
    group.bench_function("traced, bounds", |b| {
        b.iter(|| {
            for block in black_box(&blocks) {
                for (i, &input) in order.iter().enumerate() {
                    let (low, high) = intervals.input_mut(i);
                    (*low, *high) = (block[input], block[input]);
                }
                bound.bounds(&mut intervals, LANES);
                black_box(intervals.output(0));
            }
        });
    });
    group.finish();
}

criterion_group!(benches, rules);
criterion_main!(benches);
