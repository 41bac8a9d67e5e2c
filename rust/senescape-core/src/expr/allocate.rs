//! From a list of values to a program: the static part split off, and few registers by linear scan.

use super::compile::{Kind, ValueId, Values};
use super::program::{Instruction, Place, Program, Step};

/// A value that nothing needs, or that has no place yet.
const NONE: u32 = u32::MAX;

/// Lay a program out whose outputs are the given values.
pub fn lay_out(values: &Values, outputs: &[ValueId]) -> Program {
    let used = used(values, outputs);
    let mut program = Program::default();
    let steps = lay_out_steps(values, &used, &mut program);
    let mut allocator = Allocator::new(values, &used, outputs);
    let mut place = vec![Place::Fixed(NONE); values.list.len()];
    for (id, kind) in values.list.iter().enumerate() {
        if let (true, Kind::Input(input)) = (used[id], kind) {
            place[id] = Place::Lanes(program.inputs.len() as u32);
            program.inputs.push(*input);
        }
    }
    allocator.next = program.inputs.len() as u32;
    // A static value gets its number where it is first read.
    let mut locate = |program: &mut Program, place: &mut Vec<Place>, id: ValueId| {
        if values.fixed[id] && place[id] == Place::Fixed(NONE) {
            place[id] = Place::Fixed(program.fixed.len() as u32);
            program.fixed.push(steps[id]);
        }
        place[id]
    };
    for (id, kind) in values.list.iter().enumerate() {
        let (true, false, Kind::Apply(op, operands)) = (used[id], values.fixed[id], *kind) else { continue };
        // Places that the operation does not take repeat the first, so that all are valid.
        let mut from = [locate(&mut program, &mut place, operands[0]); 3];
        for (to, x) in from.iter_mut().zip(&operands[..op.arity()]) {
            *to = locate(&mut program, &mut place, *x);
        }
        // The result's register is taken before those of the operands are given back: they never coincide.
        let to = allocator.take();
        place[id] = Place::Lanes(to);
        for x in &operands[..op.arity()] {
            allocator.release(*x, id, place[*x]);
        }
        program.code.push(Instruction { op, to, from });
    }
    for &output in outputs {
        let place = locate(&mut program, &mut place, output);
        program.outputs.push(place);
    }
    program.registers = allocator.next;
    program
}

/// What the outputs need. Peepholes may have left values that nothing uses.
fn used(values: &Values, outputs: &[ValueId]) -> Vec<bool> {
    let mut used = vec![false; values.list.len()];
    for &output in outputs {
        used[output] = true;
    }
    for id in (0..values.list.len()).rev() {
        if let (true, Kind::Apply(op, operands)) = (used[id], values.list[id]) {
            for x in &operands[..op.arity()] {
                used[*x] = true;
            }
        }
    }
    used
}

/// The static part; returns the step of each value.
fn lay_out_steps(values: &Values, used: &[bool], program: &mut Program) -> Vec<u32> {
    let mut step_of = vec![NONE; values.list.len()];
    for (id, kind) in values.list.iter().enumerate() {
        if !(used[id] && values.fixed[id]) {
            continue;
        }
        let step = match *kind {
            Kind::Const(bits) => Step::Const(f64::from_bits(bits)),
            Kind::Param(index) => Step::Param(index),
            Kind::Apply(op, operands) => {
                let mut from = [step_of[operands[0]]; 3];
                for (to, x) in from.iter_mut().zip(&operands[..op.arity()]) {
                    *to = step_of[*x];
                }
                Step::Apply(op, from)
            }
            // An input is never static.
            Kind::Input(_) => continue,
        };
        step_of[id] = program.steps.len() as u32;
        program.steps.push(step);
    }
    step_of
}

/// Registers, given out and given back.
struct Allocator {
    /// The last value that reads each value.
    last_use: Vec<usize>,
    free: Vec<u32>,
    next: u32,
}

impl Allocator {
    fn new(values: &Values, used: &[bool], outputs: &[ValueId]) -> Self {
        let mut last_use = vec![0; values.list.len()];
        for (id, kind) in values.list.iter().enumerate() {
            if let (true, Kind::Apply(op, operands)) = (used[id], *kind) {
                for x in &operands[..op.arity()] {
                    last_use[*x] = id;
                }
            }
        }
        // Outputs and inputs keep their registers: callers read the first after the run, and may fill the second once
        // and run many times.
        for &output in outputs {
            last_use[output] = usize::MAX;
        }
        for (last, kind) in last_use.iter_mut().zip(&values.list) {
            if matches!(kind, Kind::Input(_)) {
                *last = usize::MAX;
            }
        }
        Self { last_use, free: Vec::new(), next: 0 }
    }

    fn take(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        })
    }

    /// Give the register of a value back if `reader` is the last to read it.
    fn release(&mut self, value: ValueId, reader: ValueId, place: Place) {
        if let (true, Place::Lanes(register)) = (self.last_use[value] == reader, place) {
            self.free.push(register);
            // Once only, should the reader take it twice.
            self.last_use[value] = usize::MAX;
        }
    }
}
