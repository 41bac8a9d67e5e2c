//! From graph to program: dead nodes dropped, equal ones shared, what depends on parameters only split off.

use super::error::ExprError;
use super::ir::{Binary, Graph, Input, Node, NodeId, Unary, operand_order};
use super::program::{Instruction, Op, Program};
use std::collections::HashMap;

/// A value while compiling: an index into the list of unique values.
type ValueId = usize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    /// By the bits, so that it can be hashed.
    Const(u64),
    Param(u32),
    Input(Input),
    Apply(Op, [ValueId; 3]),
}

#[derive(Default)]
struct Values {
    list: Vec<Kind>,
    /// Whether the value depends on constants and parameters only.
    fixed: Vec<bool>,
    known: HashMap<Kind, ValueId>,
}

impl Values {
    fn add(&mut self, kind: Kind) -> ValueId {
        if let Some(&id) = self.known.get(&kind) {
            return id;
        }
        let fixed = match kind {
            Kind::Const(_) | Kind::Param(_) => true,
            Kind::Input(_) => false,
            Kind::Apply(op, operands) => operands[..op.arity()].iter().all(|x| self.fixed[*x]),
        };
        self.list.push(kind);
        self.fixed.push(fixed);
        self.known.insert(kind, self.list.len() - 1);
        self.list.len() - 1
    }

    fn constant(&self, id: ValueId) -> Option<f64> {
        match self.list[id] {
            Kind::Const(bits) => Some(f64::from_bits(bits)),
            _ => None,
        }
    }

    fn unary(&mut self, op: Op, x: ValueId) -> ValueId {
        self.add(Kind::Apply(op, [x, 0, 0]))
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
            // a / (a + b) knows more about its range than a division does.
            Op::Binary(Binary::Div) => {
                if let Kind::Apply(Op::Binary(Binary::Add), [p, q, _]) = self.list[y] {
                    if p == x {
                        return self.add(Kind::Apply(Op::Ratio, [x, q, 0]));
                    }
                    if q == x {
                        return self.add(Kind::Apply(Op::Ratio, [x, p, 0]));
                    }
                }
            }
            _ => {}
        }
        self.add(Kind::Apply(op, [x, y, 0]))
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
                // Minus zero is zero: one constant, not two.
                Node::Const { value } => values.add(Kind::Const((value + 0.0).to_bits())),
                Node::Param { index } => values.add(Kind::Param(index)),
                Node::Input { input } => values.add(Kind::Input(input)),
                Node::Unary { f: Unary::Square, x } => values.unary(Op::Power(2), at(x)),
                Node::Unary { f, x } => values.unary(Op::Unary(f), at(x)),
                Node::Binary { f, x, y } => values.binary(Op::Binary(f), at(x), at(y)),
                Node::Where { c, x, y } => values.add(Kind::Apply(Op::Where, [at(c), at(x), at(y)])),
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

/// Give registers: fixed values that varying code reads, then inputs, then one for each instruction.
fn lay_out(values: &Values, outputs: &[ValueId]) -> Program {
    // Peepholes may have left values that nothing uses.
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
    let mut program = Program::default();
    // The fixed part is a program of its own, whose inputs are constants and parameters.
    let mut fixed_register = vec![u32::MAX; values.list.len()];
    let mut next = 0;
    for (id, kind) in values.list.iter().enumerate() {
        if !used[id] || !values.fixed[id] {
            continue;
        }
        match *kind {
            Kind::Const(bits) => program.constants.push((next, f64::from_bits(bits))),
            Kind::Param(index) => program.params.push((next, index)),
            Kind::Apply(op, operands) => {
                program.fixed.push(Instruction { op, to: next, from: operands.map(|x| lookup(&fixed_register, x)) });
            }
            Kind::Input(_) => {}
        }
        fixed_register[id] = next;
        next += 1;
    }
    program.fixed_registers = next;
    let mut register = vec![u32::MAX; values.list.len()];
    next = 0;
    let mut feeds = vec![false; values.list.len()];
    for &output in outputs {
        feeds[output] = true;
    }
    for (id, kind) in values.list.iter().enumerate() {
        if let (true, false, Kind::Apply(op, operands)) = (used[id], values.fixed[id], kind) {
            for x in &operands[..op.arity()] {
                feeds[*x] = true;
            }
        }
    }
    for id in 0..values.list.len() {
        if used[id] && values.fixed[id] && feeds[id] {
            program.broadcast.push(fixed_register[id]);
            register[id] = next;
            next += 1;
        }
    }
    for (id, kind) in values.list.iter().enumerate() {
        if let (true, Kind::Input(input)) = (used[id], kind) {
            program.inputs.push(*input);
            register[id] = next;
            next += 1;
        }
    }
    for (id, kind) in values.list.iter().enumerate() {
        if let (true, false, Kind::Apply(op, operands)) = (used[id], values.fixed[id], *kind) {
            program.code.push(Instruction { op, to: next, from: operands.map(|x| lookup(&register, x)) });
            register[id] = next;
            next += 1;
        }
    }
    program.registers = next;
    program.outputs = outputs.iter().map(|x| register[*x]).collect();
    program
}

/// The register of an operand; unused operand slots stand at register 0.
fn lookup(registers: &[u32], id: ValueId) -> u32 {
    match registers[id] {
        u32::MAX => 0,
        register => register,
    }
}
