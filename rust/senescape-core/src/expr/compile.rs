//! The compiler from graph to program: it drops dead nodes, shares equal ones and splits off what depends on parameters
//! only.
//!
//! Rules compute in single precision, except where it has too little range or too few digits (`wide`): in what follows
//! from the time of the run alone, and in quotients of powers.

use super::error::ExprError;
use super::graph::{Binary, Graph, Input, Node, NodeId, Unary, operand_order};
use super::instruction::{Instruction, Op};
use super::program::Program;
use std::collections::HashMap;

/// A value while compiling: an index into the list of unique values.
type ValueId = usize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum ValueKind {
    /// The bits of the number, which can be hashed.
    Const(u64),
    Param(u32),
    Input(Input),
    Apply(Op, [ValueId; 3]),
}

#[derive(Default)]
struct Values {
    list: Vec<ValueKind>,
    /// True if the value depends on constants and parameters only.
    fixed: Vec<bool>,
    known: HashMap<ValueKind, ValueId>,
}

impl Values {
    fn add(&mut self, kind: ValueKind) -> ValueId {
        if let Some(&id) = self.known.get(&kind) {
            return id;
        }
        let fixed = match kind {
            ValueKind::Const(_) | ValueKind::Param(_) => true,
            ValueKind::Input(_) => false,
            ValueKind::Apply(op, operands) => operands[..op.arity()].iter().all(|x| self.fixed[*x]),
        };
        self.list.push(kind);
        self.fixed.push(fixed);
        self.known.insert(kind, self.list.len() - 1);
        self.list.len() - 1
    }

    fn constant(&self, id: ValueId) -> Option<f64> {
        match self.list[id] {
            ValueKind::Const(bits) => Some(f64::from_bits(bits)),
            _ => None,
        }
    }

    fn unary(&mut self, op: Op, x: ValueId) -> ValueId {
        self.add(ValueKind::Apply(op, [x, 0, 0]))
    }

    fn binary(&mut self, op: Op, x: ValueId, y: ValueId) -> ValueId {
        let commutes = matches!(op, Op::Binary(Binary::Add | Binary::Mul | Binary::And | Binary::Or));
        let (x, y) = if commutes && y < x { (y, x) } else { (x, y) };
        match op {
            // Exact in any precision: x + 0 and 1 x (but for the sign of zero, which no hazard sees).
            Op::Binary(Binary::Add) if self.constant(x) == Some(0.0) => return y,
            Op::Binary(Binary::Add | Binary::Sub) if self.constant(y) == Some(0.0) => return x,
            Op::Binary(Binary::Mul) if self.constant(x) == Some(1.0) => return y,
            Op::Binary(Binary::Mul | Binary::Div) if self.constant(y) == Some(1.0) => return x,
            // The range of a / (a + b) is known better than that of a division.
            Op::Binary(Binary::Div) => {
                if let ValueKind::Apply(Op::Binary(Binary::Add), [p, q, _]) = self.list[y] {
                    if p == x {
                        return self.add(ValueKind::Apply(Op::Ratio, [x, q, 0]));
                    }
                    if q == x {
                        return self.add(ValueKind::Apply(Op::Ratio, [x, p, 0]));
                    }
                }
            }
            _ => {}
        }
        self.add(ValueKind::Apply(op, [x, y, 0]))
    }
}

impl Program {
    /// Compile the rules at some roots of a graph into one program with an output each.
    ///
    /// # Errors
    /// [`ExprError`] if a root or an operand is out of order or range.
    pub fn compile(graph: &Graph, roots: &[NodeId]) -> Result<Self, ExprError> {
        let needed = reachable(graph, roots)?;
        let mut values = Values::default();
        let mut value_of: Vec<ValueId> = vec![usize::MAX; graph.nodes.len()];
        for (id, node) in graph.nodes.iter().enumerate() {
            if !needed[id] {
                continue;
            }
            let at = |x: NodeId| value_of[x as usize];
            value_of[id] = match *node {
                // Minus zero is zero, so that both are one constant.
                Node::Const { value } => values.add(ValueKind::Const((value + 0.0).to_bits())),
                Node::Param { index } => values.add(ValueKind::Param(index)),
                Node::Input { input } => values.add(ValueKind::Input(input)),
                Node::Unary { f: Unary::Square, x } => values.unary(Op::Power(2), at(x)),
                Node::Unary { f, x } => values.unary(Op::Unary(f), at(x)),
                Node::Binary { f, x, y } => values.binary(Op::Binary(f), at(x), at(y)),
                Node::Where { c, x, y } => values.add(ValueKind::Apply(Op::Where, [at(c), at(x), at(y)])),
            };
        }
        let outputs: Vec<ValueId> = roots.iter().map(|r| value_of[*r as usize]).collect();
        Ok(lay_out(&values, &outputs))
    }
}

fn reachable(graph: &Graph, roots: &[NodeId]) -> Result<Vec<bool>, ExprError> {
    let mut needed = vec![false; graph.nodes.len()];
    for root in roots {
        let slot = needed.get_mut(*root as usize);
        *slot.ok_or(ExprError::Root { root: *root as usize, nodes: graph.nodes.len() })? = true;
    }
    for id in (0..graph.nodes.len()).rev() {
        if !needed[id] {
            continue;
        }
        let operands: &[NodeId] = match &graph.nodes[id] {
            Node::Const { .. } | Node::Param { .. } | Node::Input { .. } => &[],
            Node::Unary { x, .. } => &[*x],
            Node::Binary { x, y, .. } => &[*x, *y],
            Node::Where { c, x, y } => &[*c, *x, *y],
        };
        operand_order(id, operands)?;
        for x in operands {
            needed[*x as usize] = true;
        }
    }
    Ok(needed)
}

/// Return which values are computed in double precision.
///
/// The time of a run may be a million hours, where the steps of single precision are a sixteenth of an hour. What
/// follows from the time alone (`time >= start`, `time - start`) is therefore computed wide, and rounded where it meets
/// the cell. A quotient such as `x^n / (k^n + x^n)` is of ordinary size even where its powers lie beyond single
/// precision: it is computed wide from the powers on.
fn wide_values(values: &Values, used: &[bool]) -> Vec<bool> {
    let applied = |id: ValueId| match values.list[id] {
        ValueKind::Apply(op, operands) => Some((op, operands)),
        _ => None,
    };
    let n = values.list.len();
    let (mut clock, mut power) = (vec![false; n], vec![false; n]);
    for id in 0..n {
        clock[id] = values.list[id] == ValueKind::Input(Input::Time);
        let Some((op, operands)) = applied(id) else { continue };
        let operands = &operands[..op.arity()];
        clock[id] = !values.fixed[id] && operands.iter().all(|x| clock[*x] || values.fixed[*x]);
        power[id] = match op {
            Op::Power(_) | Op::Binary(Binary::Pow) => true,
            _ => is_arithmetic(op) && operands.iter().any(|x| power[*x]),
        };
    }
    let mut wide: Vec<bool> = (0..n).map(|id| clock[id] && applied(id).is_some()).collect();
    for id in (0..n).rev().filter(|id| used[*id]) {
        let Some((op, operands)) = applied(id) else { continue };
        let [x, y, _] = operands;
        let quotient = match op {
            Op::Binary(Binary::Div) | Op::Ratio => power[x] || power[y],
            Op::Binary(Binary::Mul) => power[x] && power[y],
            _ => false,
        };
        wide[id] |= quotient;
        if wide[id] && !clock[id] && is_arithmetic(op) {
            for x in &operands[..op.arity()] {
                wide[*x] |= power[*x];
            }
        }
    }
    wide
}

fn is_arithmetic(op: Op) -> bool {
    matches!(op, Op::Ratio | Op::Unary(Unary::Neg) | Op::Binary(Binary::Add | Binary::Sub | Binary::Mul | Binary::Div))
}

/// Give every value a register: first the fixed values that varying code reads, then the inputs, then one for each
/// instruction, in both precisions.
fn lay_out(values: &Values, outputs: &[ValueId]) -> Program {
    let used = used_values(values, outputs);
    let wide = wide_values(values, &used);
    let layout = Layout { values, used, wide };
    let mut program = Program::default();
    let fixed_register = layout.place_fixed(&mut program);
    let (single, double) = layout.precisions(outputs);
    let n = values.list.len();
    let mut files = Files { registers: [vec![u32::MAX; n], vec![u32::MAX; n]], next: [0, 0] };
    layout.place_broadcasts(&fixed_register, (&single, &double), &mut files, &mut program);
    layout.place_inputs(&double, &mut files, &mut program);
    layout.place_code((&single, &double), &mut files, &mut program);
    [program.registers, program.wide_registers] = files.next;
    program.outputs = outputs.iter().map(|x| files.registers[0][*x]).collect();
    program
}

/// Return which values the outputs need: simplification may have left others.
fn used_values(values: &Values, outputs: &[ValueId]) -> Vec<bool> {
    let mut used = vec![false; values.list.len()];
    for &output in outputs {
        used[output] = true;
    }
    for id in (0..used.len()).rev() {
        if let (true, ValueKind::Apply(op, operands)) = (used[id], values.list[id]) {
            for x in &operands[..op.arity()] {
                used[*x] = true;
            }
        }
    }
    used
}

/// The values of a program, and what decides where they go.
struct Layout<'v> {
    values: &'v Values,
    used: Vec<bool>,
    wide: Vec<bool>,
}

impl Layout<'_> {
    /// Return the values that are used, in order.
    fn used(&self) -> impl Iterator<Item = ValueId> {
        (0..self.used.len()).filter(|id| self.used[*id])
    }

    /// Return the operation of a value that varying code computes.
    fn varying(&self, id: ValueId) -> Option<(Op, [ValueId; 3])> {
        match self.values.list[id] {
            ValueKind::Apply(op, operands) if self.used[id] && !self.values.fixed[id] => Some((op, operands)),
            _ => None,
        }
    }

    /// Lay out the fixed part, a program of its own whose inputs are constants and parameters. Returns its registers.
    fn place_fixed(&self, program: &mut Program) -> Vec<u32> {
        let mut registers = vec![u32::MAX; self.used.len()];
        for id in self.used().filter(|id| self.values.fixed[*id]) {
            let to = program.fixed_registers;
            match self.values.list[id] {
                ValueKind::Const(bits) => program.constants.push((to, f64::from_bits(bits))),
                ValueKind::Param(index) => program.params.push((to, index)),
                ValueKind::Apply(op, operands) => {
                    let from = operands.map(|x| lookup(&registers, x));
                    program.fixed.push(Instruction { op, wide: self.wide[id], to, from });
                }
                ValueKind::Input(_) => {}
            }
            registers[id] = to;
            program.fixed_registers += 1;
        }
        registers
    }

    /// Return which values varying code needs in single precision, and which in double.
    fn precisions(&self, outputs: &[ValueId]) -> (Vec<bool>, Vec<bool>) {
        let (mut single, mut double) = (vec![false; self.used.len()], vec![false; self.used.len()]);
        for &output in outputs {
            single[output] = true;
        }
        for (id, wide) in self.wide.iter().enumerate() {
            let Some((op, operands)) = self.varying(id) else { continue };
            let needed = if *wide { &mut double } else { &mut single };
            for x in &operands[..op.arity()] {
                needed[*x] = true;
            }
        }
        (single, double)
    }

    /// Give registers to the fixed values that varying code reads.
    fn place_broadcasts(
        &self,
        fixed_register: &[u32],
        (single, double): (&[bool], &[bool]),
        files: &mut Files,
        program: &mut Program,
    ) {
        for id in self.used().filter(|id| self.values.fixed[*id]) {
            if single[id] {
                program.broadcast.push(fixed_register[id]);
                files.place(id, false);
            }
            if double[id] {
                program.wide_broadcast.push(fixed_register[id]);
                files.place(id, true);
            }
        }
    }

    /// Give registers to the inputs, and to the time in double precision where it is needed.
    fn place_inputs(&self, double: &[bool], files: &mut Files, program: &mut Program) {
        for id in self.used() {
            let ValueKind::Input(input) = self.values.list[id] else { continue };
            program.inputs.push(input);
            files.place(id, false);
            if input == Input::Time && double[id] {
                program.clock = Some(files.place(id, true));
            }
        }
    }

    /// Write the varying code, with conversions right after the values that need them.
    fn place_code(&self, (single, double): (&[bool], &[bool]), files: &mut Files, program: &mut Program) {
        for id in self.used() {
            if let ValueKind::Input(input) = self.values.list[id]
                && double[id]
                && input != Input::Time
            {
                files.convert(id, Op::Widen, &mut program.code);
            }
            let Some((op, operands)) = self.varying(id) else { continue };
            let wide = self.wide[id];
            let from = operands.map(|x| lookup(&files.registers[usize::from(wide)], x));
            let to = files.place(id, wide);
            program.code.push(Instruction { op, wide, to, from });
            match (wide, single[id], double[id]) {
                (true, true, _) => files.convert(id, Op::Narrow, &mut program.code),
                (false, _, true) => files.convert(id, Op::Widen, &mut program.code),
                _ => {}
            }
        }
    }
}

/// The registers of values in single precision, and in double.
struct Files {
    registers: [Vec<u32>; 2],
    next: [u32; 2],
}

impl Files {
    /// Give a value the next register of one precision.
    fn place(&mut self, id: ValueId, wide: bool) -> u32 {
        let file = usize::from(wide);
        self.registers[file][id] = self.next[file];
        self.next[file] += 1;
        self.registers[file][id]
    }

    /// Convert a value from the register that it has in one precision to a register of the other.
    fn convert(&mut self, id: ValueId, op: Op, code: &mut Vec<Instruction>) {
        let wide = op == Op::Widen;
        let from = self.registers[usize::from(!wide)][id];
        let to = self.place(id, wide);
        code.push(Instruction { op, wide, to, from: [from, 0, 0] });
    }
}

/// Return the register of an operand; operands that an operation does not have read register 0.
fn lookup(registers: &[u32], id: ValueId) -> u32 {
    match registers[id] {
        u32::MAX => 0,
        register => register,
    }
}
