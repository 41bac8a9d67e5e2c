//! The compiled program, its binding to parameter values, and the frames that it runs on.

use super::eval;
use super::graph::{Binary, Input, Unary};
use super::instruction::{Instruction, LANES, Op, Register, WideRegister};
use super::interval::{self, Ends};
use super::simd::Level;
use std::fmt::Write as _;

/// A compiled set of rules whose parameters have no values yet.
#[derive(Clone, Debug, Default)]
pub struct Program {
    pub(super) constants: Vec<(u32, f64)>,
    pub(super) params: Vec<(u32, u32)>,
    /// Code that depends on constants and parameters only; it runs once for each binding.
    pub(super) fixed: Vec<Instruction>,
    pub(super) fixed_registers: u32,
    /// The fixed registers whose values fill the first registers of the varying code.
    pub(super) broadcast: Vec<u32>,
    /// The same for the first wide registers.
    pub(super) wide_broadcast: Vec<u32>,
    /// The wide register of the time, after those; none where the time is read in single precision only.
    pub(super) clock: Option<u32>,
    pub(super) inputs: Vec<Input>,
    pub(super) code: Vec<Instruction>,
    pub(super) registers: u32,
    pub(super) wide_registers: u32,
    pub(super) outputs: Vec<u32>,
}

impl Program {
    /// Return what the program reads, in the order of its input registers.
    #[must_use]
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// Bind the parameters to values.
    #[must_use]
    pub fn bind(&self, params: &[f64]) -> BoundProgram {
        let mut singles = vec![[0.0_f32; LANES]; self.fixed_registers as usize];
        let mut doubles = vec![0.0_f64; self.fixed_registers as usize];
        let param = |index: u32| params.get(index as usize).copied().unwrap_or(f64::NAN);
        let starts = self.constants.iter().copied().chain(self.params.iter().map(|(r, i)| (*r, param(*i))));
        for (register, value) in starts {
            singles[register as usize][0] = value as f32;
            doubles[register as usize] = value;
        }
        eval::run_scalar(&self.fixed, &mut doubles, 0);
        for instruction in &self.fixed {
            if instruction.wide {
                singles[instruction.to as usize][0] = doubles[instruction.to as usize] as f32;
            } else {
                eval::run(std::slice::from_ref(instruction), &mut singles, &mut [], 1, Level::best());
            }
        }
        let fixed = self.broadcast.iter().map(|r| (singles[*r as usize][0], doubles[*r as usize])).collect::<Vec<_>>();
        let wide_fixed = self.wide_broadcast.iter().map(|r| doubles[*r as usize]).collect::<Vec<_>>();
        let mut code = self.code.clone();
        for instruction in &mut code {
            let exponent = instruction.from[1] as usize;
            let known = if instruction.wide {
                wide_fixed.get(exponent).copied()
            } else {
                fixed.get(exponent).map(|(_, double)| *double)
            };
            specialise(instruction, known);
        }
        BoundProgram {
            fixed,
            wide_fixed,
            clock: self.clock.map(|register| register as usize),
            time: self.inputs.iter().position(|input| *input == Input::Time),
            inputs: self.inputs.len(),
            code,
            registers: self.registers as usize,
            wide_registers: self.wide_registers as usize,
            outputs: self.outputs.clone(),
            level: Level::best(),
        }
    }

    /// Return the program in words, for people and for tests.
    #[must_use]
    pub fn listing(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        for (register, value) in &self.constants {
            let _ = writeln!(out, "f{register} = {value:?}");
        }
        for (register, index) in &self.params {
            let _ = writeln!(out, "f{register} = param {index}");
        }
        for line in &self.fixed {
            let _ = writeln!(out, "{}", in_words(line, 'f', if line.wide { " (double)" } else { "" }));
        }
        for (register, from) in self.broadcast.iter().enumerate() {
            let _ = writeln!(out, "r{register} = f{from}");
        }
        for (register, from) in self.wide_broadcast.iter().enumerate() {
            let _ = writeln!(out, "d{register} = f{from}");
        }
        for (i, input) in self.inputs.iter().enumerate() {
            let _ = writeln!(out, "r{} = input {input:?}", self.broadcast.len() + i);
        }
        if let Some(register) = self.clock {
            let _ = writeln!(out, "d{register} = input Time");
        }
        for line in &self.code {
            let _ = writeln!(out, "{}", in_words(line, if line.wide { 'd' } else { 'r' }, ""));
        }
        for (i, register) in self.outputs.iter().enumerate() {
            let _ = writeln!(out, "output {i} = r{register}");
        }
        out
    }
}

fn in_words(line: &Instruction, kind: char, note: &str) -> String {
    let (to, from) = match line.op {
        Op::Widen => ('d', 'r'),
        Op::Narrow => ('r', 'd'),
        _ => (kind, kind),
    };
    let operands: Vec<String> = line.from[..line.op.arity()].iter().map(|r| format!("{from}{r}")).collect();
    format!("{to}{} = {} {}{note}", line.to, line.op.name(), operands.join(" "))
}

/// Replace a power by products or a root where its exponent has become known and is simple.
fn specialise(instruction: &mut Instruction, exponent: Option<f64>) {
    if instruction.op != Op::Binary(Binary::Pow) {
        return;
    }
    let Some(exponent) = exponent else { return };
    for n in 2_u8..=8 {
        if exponent == f64::from(n) {
            instruction.op = Op::Power(n);
        }
    }
    if exponent == 0.5 {
        instruction.op = Op::Unary(Unary::Sqrt);
    } else if exponent == -1.0 {
        instruction.op = Op::Unary(Unary::Reciprocal);
    } else if exponent == 1.0 {
        // The greater of x and x is x: the operation copies it.
        instruction.op = Op::Binary(Binary::Max);
        instruction.from[1] = instruction.from[0];
    }
}

/// A program with parameter values: what the engine runs.
#[derive(Clone, Debug)]
pub struct BoundProgram {
    fixed: Vec<(f32, f64)>,
    wide_fixed: Vec<f64>,
    /// The wide register of the time.
    clock: Option<usize>,
    /// The number of the input that is the time.
    time: Option<usize>,
    inputs: usize,
    code: Vec<Instruction>,
    registers: usize,
    wide_registers: usize,
    outputs: Vec<u32>,
    level: Level,
}

impl BoundProgram {
    /// Return the number of inputs.
    #[must_use]
    pub fn input_count(&self) -> usize {
        self.inputs
    }

    /// Make registers for values.
    #[must_use]
    pub fn frame(&self) -> Frame {
        let mut registers = vec![[0.0; LANES]; self.registers];
        for (register, (value, _)) in registers.iter_mut().zip(&self.fixed) {
            *register = [*value; LANES];
        }
        let mut wide = vec![[0.0; LANES]; self.wide_registers];
        for (register, value) in wide.iter_mut().zip(&self.wide_fixed) {
            *register = [*value; LANES];
        }
        Frame { registers, wide, first: self.fixed.len(), clock: self.clock, outputs: self.outputs.clone() }
    }

    /// Make registers for intervals.
    #[must_use]
    pub fn interval_frame(&self) -> IntervalFrame {
        let low = self.frame();
        IntervalFrame { high: low.clone(), low }
    }

    /// Evaluate the first `n` lanes. The caller fills the inputs before and reads the outputs from the frame.
    pub fn values(&self, frame: &mut Frame, n: usize) {
        eval::run(&self.code, &mut frame.registers, &mut frame.wide, n, self.level);
    }

    /// Evaluate intervals in the first `n` lanes. They hold every value that [`BoundProgram::values`] gives inside the
    /// box.
    pub fn bounds(&self, frame: &mut IntervalFrame, n: usize) {
        let IntervalFrame { low, high } = frame;
        let mut single = Ends { low: &mut low.registers, high: &mut high.registers };
        let mut wide = Ends { low: &mut low.wide, high: &mut high.wide };
        interval::run(&self.code, &mut single, &mut wide, n, self.level);
    }

    /// Evaluate one point in double precision.
    pub fn scalar(&self, inputs: &[f64], out: &mut [f64], scratch: &mut Vec<f64>) {
        scratch.clear();
        scratch.extend(self.fixed.iter().map(|(_, value)| value));
        scratch.extend(inputs.iter().take(self.inputs));
        scratch.resize(self.registers, 0.0);
        scratch.extend(&self.wide_fixed);
        scratch.resize(self.registers + self.wide_registers, 0.0);
        if let (Some(register), Some(time)) = (self.clock, self.time) {
            scratch[self.registers + register] = inputs[time];
        }
        eval::run_scalar(&self.code, scratch, self.registers);
        for (value, register) in out.iter_mut().zip(&self.outputs) {
            *value = scratch[*register as usize];
        }
    }

    /// Return the same program at a lower level of CPU features, for tests that compare levels.
    #[cfg(test)]
    pub(crate) fn at_level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }
}

/// Registers for values.
#[derive(Clone, Debug)]
pub struct Frame {
    registers: Vec<Register>,
    wide: Vec<WideRegister>,
    first: usize,
    clock: Option<usize>,
    outputs: Vec<u32>,
}

impl Frame {
    /// Return the lanes of an input.
    #[inline]
    pub fn input_mut(&mut self, i: usize) -> &mut Register {
        &mut self.registers[self.first + i]
    }

    /// Return the lanes of the time in double precision (h), where the program reads it so.
    #[inline]
    pub fn clock_mut(&mut self) -> Option<&mut WideRegister> {
        self.clock.map(|register| &mut self.wide[register])
    }

    /// Return the lanes of an output.
    #[inline]
    #[must_use]
    pub fn output(&self, k: usize) -> &Register {
        &self.registers[self.outputs[k] as usize]
    }
}

/// Registers for intervals.
#[derive(Clone, Debug)]
pub struct IntervalFrame {
    low: Frame,
    high: Frame,
}

impl IntervalFrame {
    /// Return the lower and upper ends of an input.
    #[inline]
    pub fn input_mut(&mut self, i: usize) -> (&mut Register, &mut Register) {
        (self.low.input_mut(i), self.high.input_mut(i))
    }

    /// Return the lower and upper ends of the time in double precision (h), where the program reads it so.
    #[inline]
    pub fn clock_mut(&mut self) -> Option<(&mut WideRegister, &mut WideRegister)> {
        self.low.clock_mut().zip(self.high.clock_mut())
    }

    /// Return the lower and upper ends of an output.
    #[inline]
    #[must_use]
    pub fn output(&self, k: usize) -> (&Register, &Register) {
        (self.low.output(k), self.high.output(k))
    }
}
