//! From graph to values: dead nodes dropped, equal ones shared, what has a cheaper or tighter form rewritten.
//!
//! A rewrite keeps every value to the bit, but for the sign of a zero, which no hazard sees.

use super::allocate::lay_out;
use super::error::ExprError;
use super::ir::{Binary, Graph, Input, Node, NodeId, Unary};
use super::program::{Op, Program};
use super::scalar;
use std::collections::HashMap;

/// A value while compiling: an index into the list of unique values.
pub type ValueId = usize;

/// How a value comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A number, by its bits, so that it can be hashed.
    Const(u64),
    /// A parameter.
    Param(u32),
    /// Something of the cell or the environment.
    Input(Input),
    /// An operation on earlier values; operands that it does not take are 0.
    Apply(Op, [ValueId; 3]),
}

/// Unique values, operands first.
#[derive(Default)]
pub struct Values {
    /// How each comes about.
    pub list: Vec<Kind>,
    /// Whether it depends on constants and parameters only.
    pub fixed: Vec<bool>,
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

    fn add_constant(&mut self, value: f64) -> ValueId {
        // Minus zero is zero: one constant, not two.
        self.add(Kind::Const((value + 0.0).to_bits()))
    }

    fn constant(&self, id: ValueId) -> Option<f64> {
        match self.list[id] {
            Kind::Const(bits) => Some(f64::from_bits(bits)),
            _ => None,
        }
    }

    /// The operand of `id` if it is the given function of one.
    fn inside(&self, f: Unary, id: ValueId) -> Option<ValueId> {
        match self.list[id] {
            Kind::Apply(Op::Unary(g), [x, ..]) if g == f => Some(x),
            _ => None,
        }
    }

    /// Add an operation, computed at once if all its operands are constants.
    fn apply(&mut self, op: Op, operands: [ValueId; 3]) -> ValueId {
        let mut numbers = [0.0; 3];
        let mut constant = true;
        for (number, x) in numbers.iter_mut().zip(&operands[..op.arity()]) {
            match self.constant(*x) {
                Some(value) => *number = value,
                None => constant = false,
            }
        }
        if constant {
            let value = scalar::apply(op, numbers);
            if value.is_finite() {
                return self.add_constant(value);
            }
        }
        self.add(Kind::Apply(op, operands))
    }

    fn unary(&mut self, f: Unary, x: ValueId) -> ValueId {
        match f {
            Unary::Neg => {
                if let Some(y) = self.inside(Unary::Neg, x) {
                    return y;
                }
            }
            Unary::Square => {
                let x = self.inside(Unary::Neg, x).unwrap_or(x);
                return self.apply(Op::Power(2), [x, 0, 0]);
            }
            Unary::Abs => {
                let x = self.inside(Unary::Neg, x).unwrap_or(x);
                if self.inside(Unary::Abs, x).is_some() {
                    return x;
                }
                return self.apply(Op::Unary(Unary::Abs), [x, 0, 0]);
            }
            // One form of 1/x, whichever way it was written.
            Unary::Reciprocal => {
                let one = self.add_constant(1.0);
                return self.binary(Binary::Div, one, x);
            }
            _ => {}
        }
        self.apply(Op::Unary(f), [x, 0, 0])
    }

    fn binary(&mut self, f: Binary, x: ValueId, y: ValueId) -> ValueId {
        let (f, x, y) = self.ordered(f, x, y);
        let constant = self.constant(y);
        match f {
            Binary::Add | Binary::Sub if constant == Some(0.0) => return x,
            Binary::Mul | Binary::Div if constant == Some(1.0) => return x,
            Binary::Min | Binary::Max if x == y => return x,
            // The range of a square is known better than that of a product.
            Binary::Mul if x == y => return self.unary(Unary::Square, x),
            Binary::Add => {
                if let Some(y) = self.inside(Unary::Neg, y) {
                    return self.binary(Binary::Sub, x, y);
                }
                if let Some(x) = self.inside(Unary::Neg, x) {
                    return self.binary(Binary::Sub, y, x);
                }
            }
            Binary::Sub => {
                if let Some(y) = self.inside(Unary::Neg, y) {
                    return self.binary(Binary::Add, x, y);
                }
            }
            Binary::Pow => {
                if let Some(exponent) = constant {
                    return self.power(x, y, exponent);
                }
            }
            // a / (a + b) knows more about its range than a division does, if a varies.
            Binary::Div if !self.fixed[x] => {
                if let Kind::Apply(Op::Binary(Binary::Add), [p, q, _]) = self.list[y] {
                    if p == x {
                        return self.apply(Op::Ratio, [x, q, 0]);
                    }
                    if q == x {
                        return self.apply(Op::Ratio, [x, p, 0]);
                    }
                }
            }
            _ => {}
        }
        self.apply(Op::Binary(f), [x, y, 0])
    }

    /// Operands of what commutes in one order: what varies before what does not, then the earlier one. A comparison is
    /// turned round.
    fn ordered(&self, f: Binary, x: ValueId, y: ValueId) -> (Binary, ValueId, ValueId) {
        use Binary::{Add, And, Div, Eq, Ge, Gt, Le, Lt, Max, Min, Mul, Ne, Or, Pow, Sub};
        let turned = match f {
            Sub | Div | Pow => return (f, x, y),
            Add | Mul | Min | Max | Eq | Ne | And | Or => f,
            Lt => Gt,
            Gt => Lt,
            Le => Ge,
            Ge => Le,
        };
        if (self.fixed[x], x) > (self.fixed[y], y) { (turned, y, x) } else { (f, x, y) }
    }

    /// A power with a constant exponent.
    fn power(&mut self, x: ValueId, y: ValueId, exponent: f64) -> ValueId {
        if exponent == 0.0 {
            return self.add_constant(1.0);
        }
        match Op::of_exponent(exponent) {
            Some(Op::Power(1)) => x,
            Some(Op::Unary(f)) => self.unary(f, x),
            Some(op) => self.apply(op, [x, 0, 0]),
            None => self.apply(Op::Binary(Binary::Pow), [x, y, 0]),
        }
    }

    fn choice(&mut self, c: ValueId, x: ValueId, y: ValueId) -> ValueId {
        if x == y {
            return x;
        }
        if let Some(c) = self.constant(c) {
            return if c != 0.0 { x } else { y };
        }
        match self.inside(Unary::Not, c) {
            Some(c) => self.choice(c, y, x),
            None => self.apply(Op::Where, [c, x, y]),
        }
    }
}

impl Program {
    /// Compile the rules at some roots of a graph into one program with an output each.
    ///
    /// # Errors
    /// [`ExprError`] if a root or an operand is out of order or range, or a constant not finite. Whether inputs and
    /// parameters are there is for [`Graph::check`] to say.
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
                Node::Const { value } => values.add_constant(value),
                Node::Param { index } => values.add(Kind::Param(index)),
                Node::Input { input } => values.add(Kind::Input(input)),
                Node::Unary { f, x } => values.unary(f, at(x)),
                Node::Binary { f, x, y } => values.binary(f, at(x), at(y)),
                Node::Where { c, x, y } => values.choice(at(c), at(x), at(y)),
            };
        }
        let outputs: Vec<ValueId> = roots.iter().map(|r| value_of[*r as usize]).collect();
        Ok(lay_out(&values, &outputs))
    }
}

/// The nodes that the roots need, each with its operands before it.
fn reachable(graph: &Graph, roots: &[NodeId]) -> Result<Vec<bool>, ExprError> {
    let mut needed = vec![false; graph.nodes.len()];
    for root in roots {
        let slot = needed.get_mut(*root as usize);
        *slot.ok_or(ExprError::Root { root: *root as usize, nodes: graph.nodes.len() })? = true;
    }
    for (id, node) in graph.nodes.iter().enumerate().rev() {
        if !needed[id] {
            continue;
        }
        node.check_alone(id)?;
        for x in node.operands() {
            needed[x as usize] = true;
        }
    }
    Ok(needed)
}
